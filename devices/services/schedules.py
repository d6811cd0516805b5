"""When cameras take pictures by themselves: every change to it. The rules are those of ``visant_camera.schedule``.

A rule is never changed but ended, and another one made, so that it can be told later what was to come when. A
schedule that is switched off has no rule that holds: its newest one is what it will go on with.
"""

from collections.abc import Iterable
from datetime import datetime, time
from itertools import islice
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone
from visant_camera.rule_checks import RuleError
from visant_camera.schedule import RULE_FIELDS, Rule, as_told, runs

from devices.clocks import zone_of
from devices.models import Device, Schedule, ScheduleRule
from devices.planning import delay_of, moments_of
from devices.services.commands import BY_HAND
from devices.services.configuration_version import bump_configuration
from devices.services.lifecycle import refuse_retired
from orgs.audit import record
from orgs.errors import Invalid, LimitReached, NotThere
from orgs.models import User
from orgs.zones import find_zone, first_known

MOST = 20
LONGEST_LABEL = 100
MOVED_AT_ONCE = 50


class InvalidSchedule(Invalid):
    code = "invalid_schedule"


class TooManySchedules(LimitReached):
    code = "too_many_schedules"


class ScheduleNotThere(NotThere):
    code = "schedule_not_found"


class RuleFields(TypedDict, total=False):
    """A rule as it is given; what is left out is as it is in a new schedule, or as it was in a changed one."""

    cron: str | None
    interval_seconds: int | None
    weekdays: Iterable[int]
    quiet_from: time | None
    quiet_until: time | None
    jitter_seconds: int


@transaction.atomic
def add_schedule(
    *, device: Device, label: str, acting_user: User | None, enabled: bool = True, **fields: Unpack[RuleFields]
) -> Schedule:
    """Have the camera take pictures by a rule, told on its own clock; ``label`` comes with each of them.

    Raises :class:`InvalidSchedule`, :class:`TooManySchedules`, or ``DeviceOutOfUse`` for a retired camera.
    """
    row = _locked(device.pk)
    refuse_retired(row)
    label, rule = _clean_label(label), make_rule(device=row, **fields)
    if row.schedules.kept().count() >= MOST:
        raise TooManySchedules(f"A camera has at most {MOST} schedules.")
    schedule = Schedule(org_id=row.org_id, device=row, label=label, enabled=enabled)
    schedule.save(force_insert=True)
    _go_on_with(schedule, rule)
    _note("schedule.added", schedule, acting_user, after=_as_it_is(schedule, rule))
    return schedule


@transaction.atomic
def change_schedule(
    *,
    schedule: Schedule,
    acting_user: User | None,
    label: str | None = None,
    enabled: bool | None = None,
    **fields: Unpack[RuleFields],
) -> None:
    """Change what is given; a cron expression replaces an interval, and the other way round.

    Nothing is written when nothing differs. Raises as ``add_schedule``, and :class:`ScheduleNotThere`.
    """
    row = _locked_schedule(schedule)
    refuse_retired(row.device)
    was = newest_rule(row)
    before = _as_it_is(row, was)
    # What is only named otherwise or switched off need not be a rule that can be followed any more.
    rule = make_rule(device=row.device, **_merged(was, fields)) if fields or enabled else was
    row.label = row.label if label is None else _clean_label(label)
    row.enabled = row.enabled if enabled is None else enabled
    after = _as_it_is(row, rule)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        row.save(update_fields=["label", "enabled"])
        if changed != ["label"]:
            _go_on_with(row, rule)
        old, new = ({name: fields[name] for name in changed} for fields in (before, after))
        _note("schedule.changed", row, acting_user, before=old, after=new)
    schedule.refresh_from_db()


@transaction.atomic
def remove_schedule(*, schedule: Schedule, acting_user: User | None) -> None:
    """Let it run no more. Its rules stay: what was to come is known. Raises :class:`ScheduleNotThere`."""
    row = _locked_schedule(schedule)
    now = timezone.now()
    before = _as_it_is(row, newest_rule(row))
    row.rules.holding().update(valid_until=now)
    row.removed_at, row.next_run_at = now, None
    row.save(update_fields=["removed_at", "next_run_at"])
    _note("schedule.removed", row, acting_user, before=before)
    schedule.refresh_from_db()


@transaction.atomic
def move_to_zone(device: Device, time_zone: str) -> bool:
    """Let the camera's schedules go on at the same times of the day in another zone; return whether any changed.

    To be called when the camera's zone changes, by whoever then counts that change (``bump_configuration``).
    """
    moved = False
    for schedule in device.schedules.kept().select_for_update().order_by("pk"):
        was = newest_rule(schedule)
        if was.time_zone != time_zone:
            fields: Any = {name: getattr(was, name) for name in RULE_FIELDS}
            _go_on_with(schedule, _rule({**fields, "time_zone": time_zone}))
            moved = True
    return moved


def follow_time_zones() -> int:
    """Move the schedules of cameras that are in another zone than they were, as when their organization moved.

    Also when this computer does not know a camera's zone any more, and back when it does again.
    Returns how many cameras that were. To be called across organizations.
    """
    holding = ScheduleRule.unscoped.holding()
    lost = [name for name in holding.values_list("time_zone", flat=True).distinct() if find_zone(name) is None]
    chosen = Coalesce(NullIf("schedule__device__time_zone", Value("")), "org__time_zone")
    astray = holding.annotate(chosen=chosen).exclude(Q(time_zone=F("chosen")) & ~Q(time_zone__in=lost))
    # Those that were moved because what was chosen is lost go on to be astray.
    names = ("schedule__device_id", "time_zone", "schedule__device__time_zone", "org__time_zone")
    wrong = {pk for pk, is_in, *wanted in astray.values_list(*names) if is_in != str(first_known(*wanted))}
    moved = 0
    for pk in islice(wrong, MOVED_AT_ONCE):
        with transaction.atomic():
            device = _locked(pk)
            if move_to_zone(device, zone_of(device)):
                bump_configuration(device)
                moved += 1
    return moved


def make_rule(*, device: Device, **fields: Unpack[RuleFields]) -> Rule:
    """Return the rule on the camera's clock. Raises :class:`InvalidSchedule`, with the fields it is about."""
    rule = _rule({**fields, "time_zone": zone_of(device)})
    if not next_runs(rule, count=1):
        raise InvalidSchedule("With these days and quiet hours it would not run any more from now on.")
    return rule


def next_runs(
    rule: Rule | ScheduleRule, *, count: int = 3, after: datetime | None = None, fallback: str = "UTC"
) -> list[datetime]:
    """Return the next moments the rule asks for, before jitter; none of one that cannot be followed any more."""
    after = after or timezone.now()
    try:
        moments = runs(rule, after) if isinstance(rule, Rule) else moments_of(rule, after=after, fallback=fallback)
    except RuleError:
        return []
    return list(islice(moments, count))


def newest_rule(schedule: Schedule) -> ScheduleRule:
    """The rule that holds, or the one that a schedule that is switched off will go on with."""
    rules: list[ScheduleRule] = sorted(schedule.rules.all(), key=lambda rule: (rule.valid_from, rule.pk))
    return rules[-1]


def get_schedule(*, device: Device, pk: UUID) -> Schedule:
    """Return a schedule of the camera that was not removed. Raises :class:`ScheduleNotThere`."""
    schedule: Schedule | None = device.schedules.kept().filter(pk=pk).prefetch_related("rules").first()
    if schedule is None:
        raise ScheduleNotThere("There is no such schedule.")
    return schedule


def _rule(fields: dict[str, Any]) -> Rule:
    days = fields.get("weekdays") or ()
    try:
        return Rule(
            cron=" ".join((fields.get("cron") or "").split()) or None,
            interval_seconds=fields.get("interval_seconds"),
            time_zone=fields["time_zone"],
            weekdays=() if len(set(days)) == 7 else tuple(sorted(days)),
            quiet_from=fields.get("quiet_from"),
            quiet_until=fields.get("quiet_until"),
            jitter_seconds=fields.get("jitter_seconds") or 0,
        )
    except RuleError as error:
        raise InvalidSchedule(str(error), fields={error.field: str(error)} if error.field else {}) from error


def _row_of(rule: Rule | ScheduleRule) -> ScheduleRule:
    fields = {name: getattr(rule, name) for name in RULE_FIELDS}
    return ScheduleRule(**{**fields, "cron": rule.cron or "", "weekdays": list(rule.weekdays)})


def _merged(was: ScheduleRule, fields: RuleFields) -> Any:
    merged = {name: getattr(was, name) for name in RULE_FIELDS if name != "time_zone"} | dict(fields)
    if fields.get("cron") and not fields.get("interval_seconds"):
        merged["interval_seconds"] = None
    elif fields.get("interval_seconds") and not fields.get("cron"):
        merged["cron"] = None
    return merged


def _clean_label(label: str) -> str:
    label = label.strip()
    wrong = ""
    if not label or len(label) > LONGEST_LABEL:
        wrong = f"A label has 1 to {LONGEST_LABEL} characters."
    elif not label.isprintable():
        wrong = "A label is one line of text."
    elif label.lower() == BY_HAND:
        wrong = "Pictures that were asked for by hand have this label. Choose another one."
    if wrong:
        raise InvalidSchedule(wrong, fields={"label": wrong})
    return label


def _go_on_with(schedule: Schedule, rule: Rule | ScheduleRule) -> None:
    """End the rule that holds and note this one; it holds if the schedule is switched on."""
    now = timezone.now()
    schedule.rules.holding().update(valid_until=now)
    row = _row_of(rule)
    row.org_id, row.schedule, row.valid_from = schedule.org_id, schedule, now
    row.valid_until = None if schedule.enabled else now
    row.save(force_insert=True)
    nominal = next(moments_of(row, after=now), None) if schedule.enabled else None
    schedule.next_run_at = nominal and nominal + delay_of(row, device_id=schedule.device_id)
    schedule.save(update_fields=["next_run_at"])


def _locked(device_pk: UUID) -> Device:
    """One change of a camera's schedules after the other.

    Without its key: the scheduler, which holds a schedule that is due, notes a command for the camera meanwhile.
    """
    locked = Device.unscoped.select_for_update(of=("self",), no_key=True)
    return locked.select_related("org").get(pk=device_pk)


def _locked_schedule(schedule: Schedule) -> Schedule:
    device = _locked(schedule.device_id)
    row: Schedule | None = device.schedules.kept().select_for_update().filter(pk=schedule.pk).first()
    if row is None:
        raise ScheduleNotThere("There is no such schedule.")
    row.device = device
    return row


def _as_it_is(schedule: Schedule, rule: Rule | ScheduleRule) -> dict[str, Any]:
    """What is changed and audited, as JSON has it."""
    return {"label": schedule.label, "enabled": schedule.enabled, **as_told(rule)}


def _note(
    action: str,
    schedule: Schedule,
    acting_user: User | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    bump_configuration(schedule.device)
    record(
        action,
        org=schedule.org_id,
        actor=acting_user,
        target=schedule,
        before=before,
        after=after,
        device=schedule.device,
    )
