"""Pages reported to the operator, and links that the operator stops."""

from django.db import transaction
from django.utils import timezone

from orgs.audit import record
from orgs.errors import Invalid
from orgs.models import User
from orgs.ratelimits import count_by_address
from orgs.services.validation import validate
from sharing.models import LinkReport, ShareLink


class InvalidReport(Invalid):
    code = "invalid_report"


def report_link(*, link: ShareLink, reason: str, text: str = "", email: str = "") -> LinkReport:
    """Tell the operator of a page. Raises :class:`InvalidReport`, and ``TooManyRequests`` by address."""
    count_by_address("share_report_address")
    report = LinkReport(org_id=link.org_id, link=link, reason=reason, text=text, email=email)
    validate(report, InvalidReport, besides=["org", "link"])
    report.save(force_insert=True)
    return report


@transaction.atomic
def suspend_link(*, link: ShareLink, acting_user: User, reason: str) -> None:
    """Let a link open no more until the operator lets it. Its reports are settled by it."""
    now = timezone.now()
    if ShareLink.unscoped.filter(pk=link.pk, suspended_at=None).update(suspended_at=now):
        after = {"suspended_at": now}
        record("share.suspended", org=link.org_id, actor=acting_user, target=link, after=after, reason=reason)
    LinkReport.unscoped.filter(link=link, settled_at=None).update(settled_at=now)


@transaction.atomic
def resume_link(*, link: ShareLink, acting_user: User) -> None:
    """Let a link that the operator stopped open again, if nothing else closed it."""
    if ShareLink.unscoped.filter(pk=link.pk).exclude(suspended_at=None).update(suspended_at=None):
        after = {"suspended_at": None}
        record("share.resumed", org=link.org_id, actor=acting_user, target=link, after=after)


def settle_report(*, report: LinkReport) -> None:
    """Put a report away without stopping its link."""
    LinkReport.unscoped.filter(pk=report.pk, settled_at=None).update(settled_at=timezone.now())
