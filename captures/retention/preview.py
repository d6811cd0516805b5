"""What the rules would delete, counted by the same selection that deletes."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from captures.retention.keepers import NOTHING
from captures.retention.rules import Group, Rules, groups_of, rule_of
from captures.retention.selection import select
from devices.models import Device
from orgs.limits import amount
from orgs.models import Limit, Organization


@dataclass(frozen=True)
class Preview:
    """How many pictures and bytes go at ``at``. ``kept``: whose time has come, but which something keeps."""

    at: datetime
    pictures: int = 0
    bytes: int = 0
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """“Deletes 12,431 pictures, 38 GB; 2 held, 3 shared: kept.”"""
        return self._sentence("Deletes")

    @property
    def past_sentence(self) -> str:
        """The same of what was done."""
        return self._sentence("Deleted")

    def _sentence(self, verb: str) -> str:
        what = f"{counted(self.pictures)}, {amount(Limit.BYTES, self.bytes)}" if self.pictures else "nothing"
        kept = ", ".join(f"{count:,} {word}" for word, count in self.kept.items())
        return f"{verb} {what}; {kept}: kept." if kept else f"{verb} {what}."


def current_rules(org: Organization) -> Rules:
    """The rules as they are saved, by camera."""
    return {policy.device_id: rule_of(policy) for policy in org.retention_policies.all()}


def current_groups(org: Organization, rules: Rules | None = None) -> list[Group]:
    """The organization's cameras by the rules they are under: those that are saved, or ``rules``."""
    devices: Iterable[Device] = org.devices.select_related("org").order_by("pk")
    return groups_of(org, list(devices), current_rules(org) if rules is None else rules)


def preview(
    org: Organization, *, at: datetime, rules: Rules | None = None, device: Device | None = None
) -> Preview:
    """Count what pruning at that moment would delete. ``device``: of the cameras that share its rule, alone."""
    pictures = size = 0
    kept: Counter[str] = Counter()
    for group in current_groups(org, rules):
        if device is not None and device.pk not in {camera.pk for camera in group.cameras}:
            continue
        for batch in select(group, org=org, at=at):
            gone = [due.byte_size for due in batch if due.kept == NOTHING]
            pictures, size = pictures + len(gone), size + sum(gone)
            kept.update(due.kept for due in batch if due.kept != NOTHING)
    return Preview(at, pictures, size, dict(sorted(kept.items())))


def count_due(org: Organization, is_one: Callable[[uuid.UUID], bool], *, at: datetime) -> int:
    """Count how many of the pictures that are meant pruning at that moment would delete."""
    batches = (batch for group in current_groups(org) for batch in select(group, org=org, at=at))
    return sum(due.kept == NOTHING and is_one(due.pk) for batch in batches for due in batch)


def counted(pictures: int) -> str:
    return "1 picture" if pictures == 1 else f"{pictures:,} pictures"
