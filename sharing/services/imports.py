"""Links of an earlier system."""

from typing import Any

from django.db import transaction

from captures.models import Capture
from devices.models import Device
from orgs import scope
from orgs.audit import record
from orgs.errors import Conflict
from orgs.models import User
from orgs.services.validation import validate
from sharing.models import LinkKind, ShareLink
from sharing.services.links import InvalidLink


class TokenTaken(Conflict):
    code = "token_taken"


@transaction.atomic
def import_link(
    *, device: Device, token: str, kind: LinkKind, capture: Capture | None, created_by: User | None, **fields: Any
) -> ShareLink | None:
    """Keep a link of an earlier system under its token; None when it is there already.

    ``fields``: the others of the row. Raises :class:`InvalidLink`, or :class:`TokenTaken` where the token opens
    something else.
    """
    with scope.across_organizations("a token opens one link, whosever it is"):
        known = ShareLink.unscoped.filter(token=token).first()
    if known is not None:
        if (known.device_id, known.kind) == (device.pk, kind):
            return None
        raise TokenTaken("Another link has this token.")
    link = ShareLink(
        org_id=device.org_id,
        token=token,
        kind=kind,
        device=device,
        capture=capture,
        created_by=created_by,
        without_maker=created_by is None,
        **fields,
    )
    validate(link, InvalidLink)
    link.save(force_insert=True)
    after = {"kind": kind.value, "expires_at": link.expires_at}
    record("share.imported", org=device.org_id, actor=None, target=link, after=after, device=device)
    return link
