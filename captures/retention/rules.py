"""Which rule holds for which camera: pure, without the database."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from captures.retention.models import RetentionPolicy
from devices.clocks import clock_of, lost_zone
from devices.models import Device
from orgs.models import Organization

logger = logging.getLogger(__name__)
NOON = time(12)


@dataclass(frozen=True)
class Rule:
    """What is kept; what is None deletes nothing. ``hold``: nothing is deleted at all.

    ``days``: pictures of so many days before today. ``bytes``: at most so many, the oldest go first. Thinning:
    all of ``all_days`` before today, one an hour of ``hourly_days`` before those, then one a day, nearest to noon.
    """

    days: int | None = None
    bytes: int | None = None
    all_days: int | None = None
    hourly_days: int | None = None
    hold: bool = False

    @property
    def deletes(self) -> bool:
        return not self.hold and any(limit is not None for limit in (self.days, self.bytes, self.all_days))


FIELDS = ("days", "bytes", "all_days", "hourly_days", "hold")
# By camera; None is the organization's.
Rules = Mapping[uuid.UUID | None, Rule]


@dataclass(frozen=True)
class Camera:
    pk: uuid.UUID
    zone: ZoneInfo


@dataclass(frozen=True)
class Group:
    """Cameras under one rule, which share its bytes: one with a rule of its own, or all that have none."""

    rule: Rule
    cameras: Sequence[Camera]


def rule_of(policy: RetentionPolicy) -> Rule:
    return Rule(**{name: getattr(policy, name) for name in FIELDS})


def groups_of(org: Organization, devices: Sequence[Device], rules: Rules) -> list[Group]:
    """Return which cameras go by which rule, those left out of which nothing is deleted.

    No picture is kept longer than the plan's ``retention_days``. A camera whose time zone this computer does not
    know is left out: its days cannot be told.
    """
    known = [camera for device in devices if (camera := _camera(device))]
    common = _capped(rules.get(None, Rule()), org.retention_days)
    groups = [Group(common, [camera for camera in known if camera.pk not in rules])]
    groups += [
        Group(_capped(rules[camera.pk], org.retention_days), [camera]) for camera in known if camera.pk in rules
    ]
    return [group for group in groups if group.cameras and group.rule.deletes]


def rule_for(device: Device) -> Rule:
    """The rule that one camera goes by now: its own or its organization's, under the plan's ``retention_days``."""
    policies = device.org.retention_policies.filter(Q(device=None) | Q(device=device))
    rules = {policy.device_id: rule_of(policy) for policy in policies}
    return _capped(rules.get(device.pk) or rules.get(None, Rule()), device.org.retention_days)


Bucket = date | tuple[date, int, timedelta | None]


@dataclass(frozen=True)
class Tiers:
    """Until when, on the clock of a camera, its pictures expire, become one a day, and one an hour; in UTC."""

    zone: ZoneInfo
    expired: datetime | None
    daily: datetime | None
    hourly: datetime | None

    @classmethod
    def of(cls, rule: Rule, zone: ZoneInfo, at: datetime) -> "Tiers":
        today = at.astimezone(zone).date()

        def before(days: int | None) -> datetime | None:
            return None if days is None else _midnight(today - timedelta(days=days), zone)

        daily = None if rule.all_days is None else rule.all_days + (rule.hourly_days or 0)
        return cls(zone, before(rule.days), before(daily), before(rule.all_days))

    def bucket_of(self, moment: datetime) -> Bucket | None:
        """The day or the hour of which one picture stays; None where all of them do. ``moment`` is not expired."""
        if self.hourly is None or moment >= self.hourly:
            return None
        local = moment.astimezone(self.zone)
        if self.daily is not None and moment < self.daily:
            return local.date()
        # With the offset, for in autumn an hour comes twice.
        return local.date(), local.hour, local.utcoffset()

    def chosen_of(self, bucket: Bucket, moments: Sequence[datetime]) -> int:
        """Which of the moments of a day or an hour, in their order, stays: nearest to noon, or the first."""
        if isinstance(bucket, tuple):
            return 0
        noon = datetime.combine(moments[0].astimezone(self.zone).date(), NOON, self.zone).astimezone(UTC)
        return min(range(len(moments)), key=lambda place: abs(moments[place] - noon))


def _capped(rule: Rule, most_days: int | None) -> Rule:
    if most_days is None:
        return rule
    return replace(rule, days=most_days if rule.days is None else min(rule.days, most_days))


def _camera(device: Device) -> Camera | None:
    if lost := lost_zone(device):
        # Another zone serves to show and to plan; what is deleted by a wrong one does not come back.
        logger.warning("Nothing of the camera %s is deleted, its days cannot be told: %s", device.pk, lost)
        return None
    return Camera(device.pk, clock_of(device))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
