"""What an export tells of an organization: rows as plain JSON, people by their names."""

from typing import Any

from captures.evaluation.models import Definition, Evaluation, Label
from captures.models import Capture, RetentionPolicy
from captures.retention.rules import FIELDS
from devices.models import Device, Schedule, ScheduleRule
from orgs.models import AuditEntry, Membership, Organization, User
from orgs.wording import sentence

RULE = ("cron", "interval_seconds", "time_zone", "weekdays", "quiet_from", "quiet_until", "jitter_seconds")
DEFINITION = ("version", "text", "regions", "ignore_regions", "references_from", "active", "created_at")
CAPTURE = (
    *("record_id", "captured_at", "received_at", "content_type", "byte_size", "width", "height", "sha256"),
    *("trigger_label", "trigger_id", "metadata", "hold", "evaluation_status", "evaluated_at", "not_judged"),
    *("usable", "verdict", "score", "reason"),
)
EVALUATION = (
    *("attempt", "provider", "model", "verdict", "score", "reason", "boxes", "details", "error", "at"),
    *("latency_ms", "tokens_in", "tokens_out", "node_type", "region", "energy_kwh", "water_l", "co2_g", "cost"),
)
# What people read in a spreadsheet.
COLUMNS = ("camera", "record_id", "captured_at", "verdict", "score", "reason", "label", "file")


def organization(org: Organization) -> dict[str, Any]:
    fields = ("name", "slug", "time_zone", "retention_days", "created_at")
    return {**_fields(org, fields), "retention": _policy(org.retention_policies.filter(device=None).first())}


def person(membership: Membership) -> dict[str, Any]:
    return {"name": _name(membership.user), **_fields(membership, ("role", "created_at", "valid_until"))}


def camera(device: Device) -> dict[str, Any]:
    """With its schedules, definitions and retention. Needs no key: those do not leave."""
    fields = ("name", "time_zone", "created_at", "suspended_at", "retired_at", "configuration", "external_id")
    return {
        "id": str(device.pk),
        **_fields(device, fields),
        "schedules": [_schedule(row) for row in device.schedules.order_by("pk")],
        "definitions": [_definition(row) for row in device.definitions.order_by("version")],
        "retention": _policy(device.org.retention_policies.filter(device=device).first()),
    }


def capture(row: Capture, *, file: str, thumbnail: str) -> dict[str, Any]:
    """Needs ``label``, ``definition`` and ``evaluations`` of the row."""
    label = getattr(row, "label", None)
    return {
        "camera": str(row.device_id),
        "file": file,
        "thumbnail": thumbnail,
        **_fields(row, CAPTURE),
        "definition": row.definition.version if row.definition else None,
        "label": _label(label) if label else None,
        "evaluations": [_evaluation(one) for one in row.evaluations.all()],
    }


def audit_entry(entry: AuditEntry) -> dict[str, Any]:
    return {"said": sentence(entry), **_fields(entry, ("at", "action", "before", "after", "reason"))}


def _policy(row: RetentionPolicy | None) -> dict[str, Any] | None:
    return _fields(row, FIELDS) if row else None


def _schedule(row: Schedule) -> dict[str, Any]:
    rules = [_fields(rule, (*RULE, "valid_from", "valid_until")) for rule in _rules(row)]
    return {**_fields(row, ("label", "enabled", "created_at", "removed_at")), "rules": rules}


def _rules(row: Schedule) -> list[ScheduleRule]:
    return list(row.rules.order_by("valid_from", "pk"))


def _definition(row: Definition) -> dict[str, Any]:
    return {**_fields(row, DEFINITION), "created_by": _name(row.created_by)}


def _label(row: Label) -> dict[str, Any]:
    return {**_fields(row, ("verdict", "reference", "created_at")), "created_by": _name(row.created_by)}


def _evaluation(row: Evaluation) -> dict[str, Any]:
    return _fields(row, EVALUATION) | {"definition": row.definition.version if row.definition else None}


def _fields(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _name(user: User | None) -> str | None:
    """Not the address, which is the person's own. Who gave no name is called by what stands before the @."""
    if user is None:
        return None
    return user.name or user.email.partition("@")[0]
