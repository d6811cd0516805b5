from django import forms

from orgs.forms import ServiceForm
from orgs.models.tokens import LARGEST_QUOTA


class CameraForm(ServiceForm):
    name = forms.CharField(
        max_length=200,
        help_text="The place it looks at, like “Gate 2”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


class KeyForm(ServiceForm):
    daily_quota = forms.IntegerField(
        label="Requests a day",
        min_value=1,
        max_value=LARGEST_QUOTA,
        required=False,
        help_text="Empty: no limit. Beyond it pictures are still kept, but not judged. Days are UTC.",
    )
