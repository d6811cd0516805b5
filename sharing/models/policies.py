from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from orgs.models import Role
from orgs.tenancy import Row, TenantModel

# What an organization that said nothing allows, in days.
LONGEST_DAYS = 365
# A hundred years: more is for ever, which is said by leaving it empty.
MOST_DAYS = 36_500
_DAYS = [MinValueValidator(1), MaxValueValidator(MOST_DAYS)]


class SharingPolicy(Row, TenantModel):
    """What an organization lets its members share, and how outsiders reach it. Without a row the defaults hold."""

    org = models.OneToOneField("orgs.Organization", on_delete=models.CASCADE, related_name="sharing_policy")
    enabled = models.BooleanField(
        "links open", default=True, help_text="Off: no link of the organization opens, until it is on again."
    )
    longest_days = models.PositiveIntegerField(
        "longest life of a link, in days",
        null=True,
        blank=True,
        default=LONGEST_DAYS,
        validators=_DAYS,
        help_text="Empty: also links that never expire can be made.",
    )
    smallest_role = models.CharField(
        "who may share",
        max_length=10,
        choices=[(Role.MEMBER, "members and admins"), (Role.ADMIN, "admins")],
        default=Role.MEMBER,
    )
    contact = models.CharField(
        max_length=200,
        blank=True,
        help_text="How outsiders reach you: an e-mail address, a telephone number. On public pages and on signs.",
    )
    reminded_on = models.DateField(
        null=True, editable=False, help_text="When links never opened were last told of."
    )

    unscoped = models.Manager()

    class Meta:
        verbose_name_plural = "sharing policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(smallest_role__in=[Role.MEMBER, Role.ADMIN]),
                name="sharing_sharingpolicy_role_may_share",
            )
        ]

    def __str__(self) -> str:
        return "sharing"
