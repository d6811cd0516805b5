"""Whom an organization lets in, as what and how far."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.utils import timezone

from devices.models import Device, DeviceQuerySet
from orgs.forms import DayField, ServiceForm, midnight
from orgs.models import AccessLimits, Membership, Role

OPEN_FOR = [("1", "1 day"), ("7", "7 days"), ("30", "30 days")]


class AccessForm(ServiceForm):
    """A role and limits. Days are days of the organization's time zone, the current one.

    ``row`` is the membership being changed: a moment of it that the form shows as a day stays as it is, unless
    another day is chosen.
    """

    roles: ClassVar[list[Role]] = list(Role)

    role = forms.ChoiceField()
    reach = forms.ChoiceField(
        label="Cameras",
        choices=[("all", "All cameras, also those to come"), ("some", "Only these:")],
        widget=forms.RadioSelect,
        initial="all",
    )
    cameras: "forms.ModelMultipleChoiceField[Device]" = forms.ModelMultipleChoiceField(
        queryset=None, required=False, widget=forms.CheckboxSelectMultiple
    )
    history_from = DayField(
        label="Pictures from", required=False, help_text="Empty: also all that were taken before."
    )
    valid_until = DayField(label="Member until", required=False, help_text="The last day; empty: until removed.")

    def __init__(
        self, data: Any, *, acting: Membership, devices: DeviceQuerySet, row: Membership | None = None
    ) -> None:
        self.row = row
        super().__init__(data, initial=_initial(row) if row else {})
        givable = [role for role in self.roles if Role(acting.role).covers(role)]
        cast(forms.ChoiceField, self.fields["role"]).choices = [(role.value, role.label) for role in givable]
        cast(forms.ModelMultipleChoiceField, self.fields["cameras"]).queryset = devices.by_name()

    def clean_history_from(self) -> datetime | None:
        return self._moment("history_from", timedelta(0))

    def clean_valid_until(self) -> datetime | None:
        return self._moment("valid_until", timedelta(days=1))  # the end of the day

    def access(self) -> dict[str, Any]:
        """Return role and limits as the services take them."""
        given = self.cleaned_data
        some = given["reach"] == "some"
        return {
            "role": Role(given["role"]),
            "camera_ids": [device.pk for device in given["cameras"]] if some else None,
            "history_from": given["history_from"],
            "valid_until": given["valid_until"],
        }

    def _moment(self, name: str, later: timedelta) -> datetime | None:
        if self.row is not None and name not in self.changed_data:
            kept: datetime | None = getattr(self.row, name)
            return kept
        day: date | None = self.cleaned_data[name]
        return midnight(day + later) if day else None


class InviteForm(AccessForm):
    roles = [role for role in Role if role != Role.OWNER]

    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Only this person can accept, and gets the link by e-mail. Empty: anybody with the link, once.",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    open_for = forms.ChoiceField(label="Can be accepted for", choices=OPEN_FOR, initial="7")
    field_order = ["email", "role"]

    def __init__(self, data: Any, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["role"].initial = Role.MEMBER

    def clean_open_for(self) -> timedelta:
        return timedelta(days=int(self.cleaned_data["open_for"]))


def _initial(row: Membership) -> dict[str, Any]:
    return {
        "role": row.role,
        "reach": "all" if row.cameras is None else "some",
        "cameras": row.cameras or [],
        "history_from": _day(row.history_from),
        # It ends at the beginning of the day after its last one.
        "valid_until": _day(row.valid_until and row.valid_until - timedelta(microseconds=1)),
    }


def _day(moment: datetime | None) -> date | None:
    return timezone.localdate(moment) if moment else None


def cameras_in_words(row: AccessLimits, names: dict[uuid.UUID, str]) -> str:
    """Return the names of the cameras a membership or an invitation is limited to; empty without such a limit."""
    known = sorted(names[camera] for camera in row.cameras or [] if camera in names)
    return ", ".join(known) if known or row.cameras is None else "no camera that is still there"
