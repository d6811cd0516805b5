"""The rule of a schedule, as people say it: every so often, at times of the day, or by a cron expression."""

import re
from datetime import time
from typing import Any

from django import forms
from visant_camera.rule_checks import LONGEST_CRON, LONGEST_JITTER
from visant_camera.schedule import Rule

from devices.models import Device, ScheduleRule
from devices.services.schedules import LONGEST_LABEL, InvalidSchedule, RuleFields, make_rule
from orgs.forms import ServiceForm

UNITS = {"minutes": 60, "hours": 3600, "days": 86_400, "seconds": 1}
KINDS = {"interval": "every", "times": "times", "cron": "cron"}
WEEKDAYS = [(0, "Mon"), (1, "Tue"), (2, "Wed"), (3, "Thu"), (4, "Fri"), (5, "Sat"), (6, "Sun")]
# A cron expression that says times of the day only: "0,30 8,20 * * *".
TIMES = re.compile(r"([\d,]+) ([\d,]+) \* \* \*")
LARGEST_COUNT = 31 * 86_400


class TimesField(forms.CharField):
    """Times of the day, as a cron expression has them: those of all its hours at all its minutes."""

    def clean(self, value: Any) -> str:
        texts = re.split(r"[,;\s]+", super().clean(value) or "")
        moments = {_moment(text) for text in texts if text}
        if not moments:
            return ""
        hours, minutes = ({getattr(moment, name) for moment in moments} for name in ("hour", "minute"))
        if len(moments) != len(hours) * len(minutes):
            raise forms.ValidationError(
                "These times need two schedules: in one, each hour has the same minutes, as in 08:00, 12:00."
            )
        return f"{_listed(minutes)} {_listed(hours)} * * *"


class ScheduleForm(ServiceForm):
    """``rule_fields`` and ``rule`` are what it says, once it is valid."""

    rule: Rule
    rule_fields: RuleFields

    label = forms.CharField(
        max_length=LONGEST_LABEL,
        help_text="Stands on each of its pictures, like “Morning round”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    kind = forms.ChoiceField(
        label="When",
        choices=[
            ("interval", "Every so often"),
            ("times", "At times of the day"),
            ("cron", "By a cron expression"),
        ],
        widget=forms.RadioSelect,
        initial="interval",
    )
    every = forms.IntegerField(min_value=1, max_value=LARGEST_COUNT, required=False, initial=10)
    unit = forms.ChoiceField(choices=[(name, name) for name in UNITS], required=False, initial="minutes")
    times = TimesField(
        required=False,
        max_length=200,
        help_text="Like 08:00, 12:00, 16:00.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    cron = forms.CharField(
        label="Cron expression",
        required=False,
        max_length=LONGEST_CRON,
        help_text="Minute, hour, day of the month, month, day of the week, like 0 8 * * 1-5.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    weekdays = forms.TypedMultipleChoiceField(
        label="Only on these days",
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        help_text="None: every day.",
        widget=forms.CheckboxSelectMultiple,
    )
    quiet_from = forms.TimeField(
        label="Not from", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        label="until", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    jitter_seconds = forms.IntegerField(
        label="Put off by up to, in seconds",
        min_value=0,
        max_value=LONGEST_JITTER,
        required=False,
        help_text="So that many cameras do not all call at once. Each camera has its own delay, always the same.",
    )

    def __init__(self, data: Any, *, device: Device, rule: ScheduleRule | None = None, label: str = "") -> None:
        self.device = device
        super().__init__(data, initial={"label": label, **(_initial(rule) if rule else {})})

    def clean(self) -> dict[str, Any]:
        """Look at the rule as a whole: what is wrong with it is shown at the field that says it."""
        given = super().clean() or self.cleaned_data
        for kind, name in KINDS.items():
            if kind != given.get("kind"):
                self.errors.pop(name, None)  # what is not chosen may say anything
        if not self.errors:
            kind = given["kind"]
            fields = RuleFields(
                cron=given[kind] if kind != "interval" else None,
                interval_seconds=_seconds(given) if kind == "interval" else None,
                weekdays=given["weekdays"],
                quiet_from=given["quiet_from"],
                quiet_until=given["quiet_until"],
                jitter_seconds=given["jitter_seconds"] or 0,
            )
            self._look_at(fields, kind)
        return given

    def _look_at(self, fields: RuleFields, kind: str) -> None:
        empty = KINDS[kind]
        if not fields["cron"] and not fields["interval_seconds"]:
            self.add_error(empty, "Say when.")
            return
        shown_at = {"interval_seconds": "every", "cron": empty}
        try:
            self.rule, self.rule_fields = make_rule(device=self.device, **fields), fields
        except InvalidSchedule as refusal:
            name = next(iter(refusal.fields), "")
            self.add_error(shown_at.get(name, name if name in self.fields else None), str(refusal))


def _seconds(given: dict[str, Any]) -> int | None:
    return given["every"] * UNITS[given["unit"] or "minutes"] if given["every"] else None


def _moment(text: str) -> time:
    hour, _, minute = text.partition(":")
    try:
        return time(int(hour), int(minute or "0"))
    except ValueError:
        raise forms.ValidationError(f"{text} is no time of the day; one is written like 08:00.") from None


def _listed(numbers: set[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers))


def _initial(rule: ScheduleRule) -> dict[str, Any]:
    names = ("weekdays", "quiet_from", "quiet_until", "jitter_seconds")
    initial: dict[str, Any] = {name: getattr(rule, name) for name in names}
    if not rule.cron:
        seconds = rule.interval_seconds or 0
        unit = next(name for name in ("days", "hours", "minutes", "seconds") if seconds % UNITS[name] == 0)
        return initial | {"kind": "interval", "every": seconds // UNITS[unit], "unit": unit}
    if times := TIMES.fullmatch(rule.cron):
        minutes, hours = (sorted(int(number) for number in part.split(",")) for part in times.groups())
        text = ", ".join(f"{hour:02}:{minute:02}" for hour in hours for minute in minutes)
        return initial | {"kind": "times", "times": text}
    return initial | {"kind": "cron", "cron": rule.cron}
