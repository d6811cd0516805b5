import uuid
from datetime import datetime
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from orgs.models.users import User
from orgs.tenancy import Row, TenantModel

# A hundred years: more is for ever, which is said by leaving it empty.
LONGEST_RETENTION_DAYS = 36_500


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is not a time zone; one is written like Europe/Zurich.")


class Organization(Row):
    """Who owns cameras and pictures. An empty limit means there is none."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=60, unique=True)
    external_id = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Its id in the earlier system it was imported from.",
    )
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    device_limit = models.PositiveIntegerField("cameras", null=True, blank=True)
    byte_limit = models.PositiveBigIntegerField("bytes", null=True, blank=True)
    evaluation_limit = models.PositiveIntegerField("evaluations a month", null=True, blank=True)
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION_DAYS)]
    )
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~models.Q(external_id=""),
                name="orgs_organization_external_id_once",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do; each role may do all that the ones below it may."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    def covers(self, smallest: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) <= ranks.index(smallest)


class AccessLimits(models.Model):
    """How far a membership reaches, beside its role. Owners and admins see everything."""

    camera_ids = models.JSONField(
        "cameras", null=True, blank=True, help_text="The ids of the cameras it is limited to; empty: all of them."
    )
    history_from = models.DateTimeField(
        null=True, blank=True, help_text="Pictures taken before are not shown; empty: all of them."
    )
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Then it ends; empty: never.")

    class Meta:
        abstract = True

    def clean(self) -> None:
        """What begins only after the membership has ended would never show anything."""
        super().clean()
        if self.history_from and self.valid_until and self.history_from >= self.valid_until:
            sentence = "The membership would end before the first picture it could show."
            raise ValidationError({"valid_until": sentence})

    @property
    def cameras(self) -> list[uuid.UUID] | None:
        """The cameras it is limited to, or None when there is no such limit."""
        return None if self.camera_ids is None else [uuid.UUID(text) for text in self.camera_ids]


class MembershipQuerySet(models.QuerySet["Membership"]):
    def live_at(self, moment: datetime) -> "MembershipQuerySet":
        """Those that let their people in: not ended, of people who are active."""
        not_over = models.Q(valid_until=None) | models.Q(valid_until__gt=moment)
        return self.filter(not_over, user__is_active=True)

    def oldest_first(self) -> "MembershipQuerySet":
        return self.order_by("created_at", "pk")


class Membership(Row, AccessLimits, TenantModel):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    unscoped = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "org"],
                name="orgs_membership_once_per_organization",
                violation_error_message="This person is a member already.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="orgs_membership_role_is_known"),
            models.CheckConstraint(
                condition=models.Q(role__in=[Role.MEMBER, Role.VIEWER])
                | models.Q(camera_ids__isnull=True, history_from=None),
                name="orgs_membership_admin_sees_everything",
                violation_error_message="Owners and admins see everything; only members and viewers are limited.",
            ),
            models.CheckConstraint(
                condition=~models.Q(role=Role.OWNER) | models.Q(valid_until=None),
                name="orgs_membership_owner_does_not_end",
                violation_error_message="An owner's membership does not end by itself.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.org}"
