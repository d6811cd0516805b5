from datetime import timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from devices.models import Device, DeviceQuerySet
from orgs.forms import DayField, midnight
from orgs.models.audit import AuditQuerySet
from orgs.wording import ACTIONS_OF, Subject


class AuditFilter(forms.Form):
    """Which entries of the audit are shown. Days are days in the current time zone."""

    camera: "forms.ModelChoiceField[Device]" = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="All"
    )
    person = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Name or address", "autocomplete": "off"}),
    )
    about = forms.ChoiceField(choices=[("", "Everything"), *Subject.choices], required=False)
    since = DayField(label="From", required=False)
    until = DayField(label="To", required=False)

    def __init__(self, *args: Any, devices: DeviceQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField, self.fields["camera"]).queryset = devices.by_name()

    def clean(self) -> None:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            raise ValidationError("The last day lies before the first.")

    def narrow(self, entries: AuditQuerySet) -> AuditQuerySet:
        """Return those of ``entries`` that are asked for; none when the question is not understood."""
        if not self.is_valid():
            return entries.none()
        wanted = self.cleaned_data
        return entries.matching(
            person=wanted["person"],
            actions=ACTIONS_OF[Subject(wanted["about"])] if wanted["about"] else (),
            since=midnight(wanted["since"]) if wanted["since"] else None,
            until=midnight(wanted["until"] + timedelta(days=1)) if wanted["until"] else None,
            device_id=wanted["camera"].pk if wanted["camera"] else None,
        )
