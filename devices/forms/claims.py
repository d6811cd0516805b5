from typing import Any, cast

from django import forms

from devices.models import DeviceQuerySet
from devices.scanning import qr_text_in
from devices.services.labels import LabelUnreadable, read_label
from orgs.errors import Invalid
from orgs.forms import ServiceForm


class ClaimForm(ServiceForm):
    """A label, by its photo or its code, and which camera the hardware is for; ``devices`` can be chosen.

    What the label says is ``cleaned_data["label"]``.
    """

    photo = forms.FileField(
        label="Scan the label",
        required=False,
        help_text="A photo of its QR code. On a phone this opens the camera.",
        widget=forms.FileInput(attrs={"accept": "image/*", "capture": "environment"}),
    )
    code = forms.CharField(
        label="Code on the label",
        max_length=2000,
        required=False,
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

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            cleaned["label"] = read_label(self._shown(cleaned))
        except Invalid as refusal:
            scanned = cleaned.get("photo") and not cleaned.get("code")
            self.add_error("photo" if scanned else "code", str(refusal))
        is_new = "camera" in cleaned and cleaned["camera"] is None
        if is_new and not cleaned.get("name") and "name" not in self.errors:
            self.add_error("name", "A new camera needs a name.")
        return cleaned

    def _shown(self, cleaned: dict[str, Any]) -> str:
        """What was typed, else what the photo says."""
        if cleaned.get("code"):
            return str(cleaned["code"])
        if not cleaned.get("photo"):
            raise LabelUnreadable("Scan the label, or type its code.")
        return qr_text_in(cleaned["photo"])
