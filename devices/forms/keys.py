from datetime import date, datetime, timedelta

from django import forms

from devices.services.rotation import DAYS, LONGEST_DAYS
from orgs.forms import DayField, ServiceForm, midnight
from orgs.models.tokens import LARGEST_QUOTA


class EndingForm(ServiceForm):
    expires_at = DayField(label="Last day", required=False, help_text="Empty: it does not end by itself.")

    def clean_expires_at(self) -> datetime | None:
        """Return the end of that day in the current time zone."""
        last_day: date | None = self.cleaned_data["expires_at"]
        return midnight(last_day + timedelta(days=1)) if last_day else None


class KeyForm(EndingForm):
    daily_quota = forms.IntegerField(
        label="Requests a day",
        min_value=1,
        max_value=LARGEST_QUOTA,
        required=False,
        help_text="Empty: no limit. Beyond it pictures are still kept, but not judged. Days are UTC.",
    )


class RotationForm(EndingForm):
    days = forms.IntegerField(
        label="Days the present key goes on opening",
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=DAYS,
        help_text="Then it ends, even if the camera has not fetched the new one. Owners are told by mail before.",
    )
    expires_at = DayField(
        label="Last day of the new key", required=False, help_text="Empty: it does not end by itself."
    )
    field_order = ["days", "expires_at"]
