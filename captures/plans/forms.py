from django import forms

from orgs.forms import ServiceForm


class RedeemForm(ServiceForm):
    code = forms.CharField(
        label="Activation code",
        max_length=60,
        help_text="Like VISANT-XXXX-XXXX-XXXX; small letters and missing hyphens do not matter.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
