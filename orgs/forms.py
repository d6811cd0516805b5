from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone

from orgs.errors import Conflict, Invalid, LimitReached
from orgs.models import ApiToken, Membership, MembershipQuerySet
from orgs.models.tokens import LARGEST_QUOTA


class ServiceForm(forms.Form):
    """A form whose service may refuse: the refusal is shown on it, and nothing that was typed is lost.

    ``status`` is that of the page that shows the form: 200 fresh, 400 when what was sent is wrong, 409 when it
    is right but cannot be now.
    """

    conflicts = False

    def add_error(self, field: str | None, error: Any) -> None:
        """The first field that is wrong gets the focus, so that it is in sight; if it is none, the first one."""
        super().add_error(field, error)
        names = [name for name, one in self.fields.items() if not one.widget.is_hidden]
        first = next((name for name in names if name in self.errors), names[0] if names else None)
        for name in names:
            self.fields[name].widget.attrs.pop("autofocus", None)
        if first:
            self.fields[first].widget.attrs["autofocus"] = True

    @property
    def status(self) -> int:
        if not self.errors:
            return 200
        return 409 if self.conflicts else 400

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a refusal inside the block into an error of the form, or of the fields that it is about."""
        try:
            yield
        except (Invalid, Conflict, LimitReached) as refusal:
            self.conflicts = not isinstance(refusal, Invalid)
            fields = refusal.fields if isinstance(refusal, Invalid) else {}
            if fields and set(fields) <= set(self.fields):
                self.add_error(None, forms.ValidationError({name: [text] for name, text in fields.items()}))
            else:
                self.add_error(None, str(refusal))


class DayField(forms.DateField):
    """A day in the current time zone."""

    widget = forms.DateInput(attrs={"type": "date"})

    def validate(self, value: date | None) -> None:
        super().validate(value)
        if value and not 1900 <= value.year <= 2999:  # beyond, some zones leave the calendar
            raise forms.ValidationError("Choose a day between 1900 and 2999.")


def midnight(day: date) -> datetime:
    """Return the beginning of the day in the current time zone."""
    return timezone.make_aware(datetime.combine(day, time()))


def time_zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]


class NewOrganizationForm(ServiceForm):
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "organization"}))
    time_zone = forms.ChoiceField(
        choices=time_zones, initial="UTC", help_text="Its pages tell the time in this zone."
    )


class SettingsForm(NewOrganizationForm):
    slug = forms.SlugField(
        label="Short name",
        max_length=60,
        help_text="Letters, digits, hyphens and underscores; nobody else's.",
        error_messages={"invalid": "Use only letters (a to z), digits, hyphens and underscores."},
    )
    field_order = ["name", "slug", "time_zone"]


class MemberChoiceField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Membership) -> str:
        return f"{obj.user.name} <{obj.user.email}>" if obj.user.name else obj.user.email


class TransferForm(ServiceForm):
    """To whom an organization is handed over; ``members`` are those who can be chosen."""

    membership = MemberChoiceField(queryset=None, label="To")

    def __init__(self, *args: Any, members: MembershipQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(MemberChoiceField, self.fields["membership"]).queryset = members.select_related("user")


class EndingForm(ServiceForm):
    """Asks for the last day of a key, if it has one."""

    expires_at = DayField(label="Last day", required=False, help_text="Empty: it does not end by itself.")

    def clean_expires_at(self) -> datetime | None:
        """Return the end of that day in the current time zone."""
        last_day: date | None = self.cleaned_data["expires_at"]
        return midnight(last_day + timedelta(days=1)) if last_day else None


class TokenForm(EndingForm):
    """A personal API token; what is empty does not limit it."""

    name = forms.CharField(
        max_length=100,
        help_text="What it is for, like “Nightly report”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    access = forms.ChoiceField(label="It may", choices=ApiToken.Access.choices, widget=forms.RadioSelect)
    networks = forms.CharField(
        label="Allowed networks",
        required=False,
        help_text="One on each line, like 192.0.2.0/24 or 2001:db8::/32. Empty: from anywhere.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    daily_quota = forms.IntegerField(
        label="Requests a day",
        min_value=1,
        max_value=LARGEST_QUOTA,
        required=False,
        help_text="Empty: no limit. Requests refused over it count, too. Days are UTC.",
    )

    field_order = ["name", "access", "expires_at", "networks", "daily_quota"]

    def clean_networks(self) -> list[str]:
        return str(self.cleaned_data["networks"]).split()


class TokenNameForm(ServiceForm):
    name = forms.CharField(
        max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True})
    )
