from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone

from orgs.errors import Conflict, Invalid, LimitReached
from orgs.models import ApiToken, Membership, MembershipQuerySet

# Far enough, and no time zone leaves the calendar.
LAST_YEAR = 2999


class ServiceForm(forms.Form):
    """A form whose service may refuse: the refusal is shown on it, and nothing that was typed is lost.

    ``status`` is that of the page that shows the form: 200 fresh, 400 when what was sent is wrong, 409 when it
    is right but cannot be now.
    """

    conflicts = False

    @property
    def status(self) -> int:
        if not self.errors:
            return 200
        return 409 if self.conflicts else 400

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a refusal inside the block into an error of the form."""
        try:
            yield
        except (Invalid, Conflict, LimitReached) as refusal:
            self.conflicts = not isinstance(refusal, Invalid)
            self.add_error(None, str(refusal))


def time_zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]


class NewOrganizationForm(ServiceForm):
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "organization"}))
    time_zone = forms.ChoiceField(
        choices=time_zones, initial="UTC", help_text="Its pages tell the time in this zone."
    )


class SettingsForm(NewOrganizationForm):
    slug = forms.SlugField(
        label="Short name", max_length=60, help_text="Letters, digits and hyphens; nobody else's."
    )
    retention_days = forms.IntegerField(
        label="Days that pictures are kept",
        min_value=1,
        max_value=36_500,
        required=False,
        help_text="Empty: for ever.",
    )
    field_order = ["name", "slug", "time_zone", "retention_days"]


class MemberChoiceField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Membership) -> str:
        return f"{obj.user.name} <{obj.user.email}>" if obj.user.name else obj.user.email


class TransferForm(ServiceForm):
    """To whom an organization is handed over; ``members`` are those who can be chosen."""

    membership = MemberChoiceField(queryset=None, label="To")

    def __init__(self, *args: Any, members: MembershipQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(MemberChoiceField, self.fields["membership"]).queryset = members.select_related("user")


class TokenForm(ServiceForm):
    """A personal API token; what is empty does not limit it."""

    name = forms.CharField(
        max_length=100,
        help_text="What it is for, like “Nightly report”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    access = forms.ChoiceField(label="It may", choices=ApiToken.Access.choices, widget=forms.RadioSelect)
    expires_at = forms.DateField(
        label="Last day",
        required=False,
        help_text="Empty: it does not end by itself.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    networks = forms.CharField(
        label="Allowed networks",
        required=False,
        help_text="One on each line, like 192.0.2.0/24 or 2001:db8::/32. Empty: from anywhere.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    daily_quota = forms.IntegerField(
        label="Requests a day",
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text="Empty: no limit. Days are UTC.",
    )

    def clean_expires_at(self) -> datetime | None:
        """Return the end of that day in the current time zone."""
        last_day: date | None = self.cleaned_data["expires_at"]
        if last_day is None:
            return None
        if last_day.year > LAST_YEAR:
            raise forms.ValidationError("Choose an earlier day, or none.")
        return timezone.make_aware(datetime.combine(last_day + timedelta(days=1), time()))

    def clean_networks(self) -> list[str]:
        return str(self.cleaned_data["networks"]).split()


class TokenNameForm(ServiceForm):
    name = forms.CharField(
        max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True})
    )
