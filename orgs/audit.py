"""Who changed what. Every service that changes who may do what writes an entry in its own transaction."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Model

from orgs import origin
from orgs.models import AuditEntry, Membership, Organization, User
from orgs.models.audit import LONGEST_NAME

# What is done by a command or by the clock.
SYSTEM = "Visant"


def record(
    action: str,
    *,
    org: Organization | UUID,
    actor: Model | None,
    target: Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    device: Model | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write an entry: ``actor`` (None: the system) did ``action`` (``membership.removed``) to ``target``.

    ``before`` and ``after`` hold the fields that changed, never a secret. ``device`` is the camera it is about.
    Address and request come from :mod:`orgs.origin`.
    """
    where = origin.current()
    return AuditEntry.unscoped.create(
        org_id=org.pk if isinstance(org, Organization) else org,
        action=action,
        actor_kind=_kind(actor) if actor is not None else "system",
        actor_id=actor.pk if actor is not None else None,
        actor_name=_name(actor) if actor is not None else SYSTEM,
        target_kind=_kind(target),
        target_id=str(target.pk),
        target_name=_name(target),
        device_id=device.pk if device is not None else None,
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        ip=where.ip,
        request_id=where.request_id,
    )


def _kind(row: Model) -> str:
    return str(row._meta.model_name)


def _name(row: Model) -> str:
    """The name it has now; of a person the address, too, for names are not unique. Of a membership the person's:
    in the audit of an organization it goes without saying of which."""
    row = row.user if isinstance(row, Membership) else row
    name = f"{row.name} <{row.email}>" if isinstance(row, User) and row.name else str(row)
    return name[:LONGEST_NAME]


def _plain(fields: dict[str, Any] | None) -> dict[str, Any] | None:
    """Moments and ids as text, so that JSON can hold them."""
    if fields is None:
        return None
    return {name: _text(value) if isinstance(value, date | UUID) else value for name, value in fields.items()}


def _text(value: date | UUID) -> str:
    return str(value) if isinstance(value, UUID) else value.isoformat()
