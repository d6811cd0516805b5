"""Pages reported to the operator, and links that the operator stops."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from orgs.audit import record
from orgs.errors import Invalid
from orgs.models import User
from orgs.ratelimits import count_by_address
from orgs.services.oversight import checked_reason
from orgs.services.validation import validate
from sharing.models import LONGEST_REPORT, LinkReport, ReportReason, ShareLink


class InvalidReport(Invalid):
    code = "invalid_link_report"


def report_link(*, link: ShareLink, reason: str, text: str = "", email: str = "") -> LinkReport:
    """Tell the operator of a page. Raises :class:`InvalidReport`, and ``TooManyRequests`` by address."""
    report = LinkReport(org_id=link.org_id, link=link, reason=reason, text=text.strip(), email=email)
    if len(report.text) > LONGEST_REPORT:
        raise _refused(f"At most {LONGEST_REPORT} characters.")
    if reason == ReportReason.OTHER and not report.text:
        raise _refused("Say what it is.")
    validate(report, InvalidReport, besides=["org", "link"])
    count_by_address("share_report_address")
    report.save(force_insert=True)
    return report


@transaction.atomic
def suspend_link(*, link: ShareLink, acting_user: User, reason: str) -> None:
    """Let a link open no more until the operator lets it; its reports are settled by that.

    Suspending it again changes nothing. Raises :class:`~orgs.services.oversight.InvalidReason`.
    """
    reason = checked_reason(reason, required=True)
    now = timezone.now()
    if ShareLink.unscoped.filter(pk=link.pk, suspended_at=None).update(suspended_at=now):
        _note("share.suspended", link, acting_user, None, now, reason)
    LinkReport.unscoped.filter(link=link, settled_at=None).update(settled_at=now)


@transaction.atomic
def resume_link(*, link: ShareLink, acting_user: User, reason: str = "") -> None:
    """Let a link that the operator stopped open again, if nothing else closed it. Of another nothing changes."""
    reason = checked_reason(reason, required=False)
    row = ShareLink.unscoped.select_for_update(of=("self",)).get(pk=link.pk)
    if row.suspended_at is not None:
        before, row.suspended_at = row.suspended_at, None
        row.save(update_fields=["suspended_at"])
        _note("share.resumed", link, acting_user, before, None, reason)


def settle_report(*, report: LinkReport) -> bool:
    """Put a report away without stopping its link; return whether it was open."""
    return bool(LinkReport.unscoped.filter(pk=report.pk, settled_at=None).update(settled_at=timezone.now()))


def open_reports(*, most: int) -> int:
    """How many reports wait for an operator, of all organizations; ``most`` stands for all that are more."""
    return LinkReport.unscoped.filter(settled_at=None).order_by()[:most].count()


def _refused(sentence: str) -> InvalidReport:
    return InvalidReport(sentence, fields={"text": sentence})


def _note(
    action: str,
    link: ShareLink,
    acting_user: User,
    before: datetime | None,
    after: datetime | None,
    reason: str,
) -> None:
    record(
        action,
        org=link.org_id,
        actor=acting_user,
        target=link,
        before={"suspended_at": before},
        after={"suspended_at": after},
        device=link.device,
        reason=reason,
    )
