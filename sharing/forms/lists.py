from typing import Any, cast

from django import forms

from devices.models import DeviceQuerySet
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


class ChosenField(forms.ModelChoiceField):
    """Whatever is none of those that can be chosen is refused in the same words, also what looks like no id."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except forms.ValidationError:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice") from None


class TakeBackForm(forms.Form):
    """Which links of an organization are to be taken back at once: a camera's, a person's, both, or all.

    ``is_meant``: it is to be done, which is not said of all by leaving both empty, but by ``all``.
    """

    camera = ChosenField(
        queryset=None,
        required=False,
        empty_label="Any camera",
        error_messages={"invalid_choice": "There is no such camera."},
    )
    maker = ChosenField(
        queryset=None,
        label="Made by",
        required=False,
        empty_label="Anybody",
        error_messages={"invalid_choice": "This person has no links here that could be taken back."},
    )
    all = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, org: Organization, devices: DeviceQuerySet, is_meant: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.is_meant = is_meant
        # Also those who are no members any more.
        makers = org.share_links.filter(revoked_at=None).values("created_by")
        cast(ChosenField, self.fields["camera"]).queryset = devices.by_name()
        cast(ChosenField, self.fields["maker"]).queryset = User.objects.filter(pk__in=makers).order_by("email")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        is_narrowed = bool(given.get("camera") or given.get("maker"))
        if self.is_meant and not self.errors and is_narrowed == given["all"]:
            raise forms.ValidationError(
                "Nothing was taken back: name a camera, a person, or say that all is meant."
            )
        return given

    @property
    def chosen(self) -> dict[str, Any]:
        """The camera and the person, as the services take them."""
        return {"device": self.cleaned_data["camera"], "maker": self.cleaned_data["maker"]}
