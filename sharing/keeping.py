"""Which pictures are shared, for whoever would delete some."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from orgs.models import Organization
from sharing.models import LinkKind


def shown_by_open_links(*, org: Organization, at: datetime) -> Q:
    """Return the condition on captures of ``org`` that a link open at that moment shows them."""
    same_camera = Q(device=OuterRef("device"))
    shows = (
        Q(kind=LinkKind.CAPTURE, capture=OuterRef("pk"))
        | Q(same_camera, kind=LinkKind.DEVICE)
        | Q(
            same_camera,
            kind=LinkKind.RANGE,
            range_from__lte=OuterRef("captured_at"),
            range_until__gt=OuterRef("captured_at"),
        )
    )
    links = org.share_links.open_at(at)
    newer = org.captures.pictured().filter(
        device=OuterRef("device"), captured_at__gt=OuterRef("captured_at"), verdict__isnull=False
    )
    is_latest = Exists(links.filter(same_camera, kind=LinkKind.LATEST)) & ~Exists(newer)
    return Q(Exists(links.filter(shows))) | Q(is_latest)
