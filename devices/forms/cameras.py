from django import forms

from orgs.forms import ServiceForm


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
        max_value=2**31 - 1,
        required=False,
        help_text="Empty: no limit. Beyond it pictures are still kept, but not judged. Days are UTC.",
    )
