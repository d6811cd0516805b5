from django import forms

from orgs.forms import ServiceForm


class CameraForm(ServiceForm):
    name = forms.CharField(
        max_length=200,
        help_text="The place it looks at, like “Gate 2”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
