from typing import Any, cast

from django import forms

from devices.models import DeviceQuerySet
from devices.services.labels import Claim, read_label
from orgs.errors import Invalid
from orgs.forms import ServiceForm


class ClaimForm(ServiceForm):
    """The code of a label, and which camera the hardware is for; ``devices`` are those that can be chosen."""

    code = forms.CharField(
        label="Code on the label",
        max_length=2000,
        help_text="Like 7K2M-9QWX-4RTZ-HB3D; capitals and dashes do not matter. Or the whole text of its QR code.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "autofocus": True}
        ),
    )
    camera: forms.ModelChoiceField = forms.ModelChoiceField(
        queryset=None,
        label="It is for",
        required=False,
        empty_label="A new camera",
        help_text="An existing camera gets new hardware and keeps all else: its pictures, schedules and links.",
    )
    name = forms.CharField(
        label="Name of the new camera",
        max_length=200,
        required=False,
        help_text="The place it looks at, like “Gate 2”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, devices: DeviceQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField, self.fields["camera"]).queryset = devices.in_service().by_name()

    def clean_code(self) -> Claim:
        """Return what the label says."""
        try:
            return read_label(self.cleaned_data["code"])
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_new = "camera" in cleaned and cleaned["camera"] is None
        if is_new and not cleaned.get("name") and "name" not in self.errors:
            self.add_error("name", "A new camera needs a name.")
        return cleaned
