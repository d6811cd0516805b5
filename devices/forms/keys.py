from django import forms

from devices.services.rotation import DAYS, LONGEST_DAYS
from orgs.forms import DayField, EndingForm
from orgs.models.tokens import LARGEST_QUOTA


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
