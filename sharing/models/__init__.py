from sharing.models.links import TOKEN_SHOWN, LinkKind, LinkState, Sampling, ShareLink, ShareLinkQuerySet
from sharing.models.policies import LONGEST_DAYS, SharingPolicy
from sharing.models.reports import LONGEST_REPORT, LinkReport, ReportReason
from sharing.models.visits import LinkDay, LinkVisit

__all__ = [
    "LONGEST_DAYS",
    "LONGEST_REPORT",
    "TOKEN_SHOWN",
    "LinkDay",
    "LinkKind",
    "LinkReport",
    "LinkState",
    "LinkVisit",
    "ReportReason",
    "Sampling",
    "ShareLink",
    "ShareLinkQuerySet",
    "SharingPolicy",
]
