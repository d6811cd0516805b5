from typing import Any, cast

from django import forms

from devices.models import Device, DeviceQuerySet
from orgs.models import Organization, User
from sharing.models import LinkState


class LinkFilter(forms.Form):
    """Which links are listed."""

    search = forms.CharField(
        required=False,
        max_length=200,
        help_text="Note, camera, maker, or how a link begins.",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    state = forms.ChoiceField(
        choices=[("", "Any state"), *((state.value, str(state.label).capitalize()) for state in LinkState)],
        required=False,
    )


class TakeBackForm(forms.Form):
    """Which links of an organization are to be taken back at once: a camera's, a person's, or all."""

    camera: "forms.ModelChoiceField[Device]" = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="Any camera"
    )
    maker: "forms.ModelChoiceField[User]" = forms.ModelChoiceField(
        queryset=None, label="Made by", required=False, empty_label="Anybody"
    )

    def __init__(self, *args: Any, org: Organization, devices: DeviceQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Also those who are no members any more.
        makers = org.share_links.filter(revoked_at=None).values("created_by")
        cast(forms.ModelChoiceField, self.fields["camera"]).queryset = devices.by_name()
        cast(forms.ModelChoiceField, self.fields["maker"]).queryset = User.objects.filter(pk__in=makers).order_by(
            "email"
        )

    @property
    def chosen(self) -> dict[str, Any]:
        """The camera and the person, as the services take them."""
        return {"device": self.cleaned_data["camera"], "maker": self.cleaned_data["maker"]}
