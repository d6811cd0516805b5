from sharing.models.links import TOKEN_SHOWN, LinkKind, LinkState, Sampling, ShareLink, ShareLinkQuerySet
from sharing.models.policies import LONGEST_DAYS, SharingPolicy
from sharing.models.reports import LinkReport, ReportReason
from sharing.models.visits import LinkDay, LinkVisit

__all__ = [
    "LONGEST_DAYS",
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
