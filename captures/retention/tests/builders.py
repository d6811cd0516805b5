"""Archives to prune: rows without files, as many as one likes."""

import itertools
from dataclasses import asdict
from datetime import datetime

from captures.models import Capture, EvaluationStatus, RetentionPolicy
from captures.retention.rules import Rule
from devices.models import Device
from orgs.ids import uuid7
from orgs.models import Organization

_numbers = itertools.count(1)


def make_rows(device: Device, moments: list[datetime], **fields: object) -> list[Capture]:
    """A picture of the camera at each of the moments, of 1,000 bytes if nothing else is said."""
    rows = []
    for moment in moments:
        pk, number = uuid7(), next(_numbers)
        said = {"byte_size": 1000, "received_at": moment, **fields}
        rows.append(
            Capture(
                pk=pk,
                org_id=device.org_id,
                device=device,
                record_id=f"r{number}",
                captured_at=moment,
                storage_key=f"{device.org_id}/devices/{device.pk}/captures/{pk}.jpeg",
                content_type="image/jpeg",
                width=1,
                height=1,
                sha256=f"{number:064}",
                evaluation_status=EvaluationStatus.SKIPPED,
                evaluation_due_at=None,
                **said,
            )
        )
    return Capture.unscoped.bulk_create(rows)


def make_policy(
    org: Organization, *, device: Device | None = None, rule: Rule | None = None, **fields: object
) -> RetentionPolicy:
    """A policy as it is given, unchecked."""
    said = {**(asdict(rule) if rule else {}), **fields}
    return RetentionPolicy.unscoped.create(org=org, device=device, **said)
