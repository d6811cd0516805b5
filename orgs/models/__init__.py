from orgs.models.audit import AuditEntry
from orgs.models.deletions import Deletion
from orgs.models.invitations import Invitation, OwnershipTransfer
from orgs.models.organizations import (
    AccessLimits,
    Membership,
    MembershipQuerySet,
    Organization,
    Role,
    validate_time_zone,
)
from orgs.models.plans import ActivationCode, Limit, LimitWarning, MonthlyUsage, Redemption
from orgs.models.tokens import AccessKey, AccessKeyQuerySet, ApiToken, ApiTokenUsage, DailyUsage
from orgs.models.users import User, UserManager

__all__ = [
    "AccessKey",
    "AccessKeyQuerySet",
    "AccessLimits",
    "ActivationCode",
    "ApiToken",
    "ApiTokenUsage",
    "AuditEntry",
    "DailyUsage",
    "Deletion",
    "Invitation",
    "Limit",
    "LimitWarning",
    "Membership",
    "MembershipQuerySet",
    "MonthlyUsage",
    "Organization",
    "OwnershipTransfer",
    "Redemption",
    "Role",
    "User",
    "UserManager",
    "validate_time_zone",
]
