from django import forms

from orgs.forms import ServiceForm


class DeleteForm(ServiceForm):
    typed_name = forms.CharField(
        label="Its name", max_length=200, help_text="Type the name of the organization, so that it is no slip."
    )
    typed_name.widget.attrs["autocomplete"] = "off"
