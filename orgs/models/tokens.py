from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from orgs.models.users import User
from orgs.tenancy import Row, TenantModel

# What the column holds.
LARGEST_QUOTA = 2**31 - 1


class AccessKey(Row, TenantModel):
    """A secret that a machine shows. The secret itself is not kept: see ``orgs/keys.py``."""

    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, editable=False)
    pepper_id = models.PositiveSmallIntegerField(editable=False)
    daily_quota = models.PositiveIntegerField(
        "requests a day",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_QUOTA)],
        help_text="Days are UTC; empty: no limit.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def state(self) -> str:
        """``revoked``, ``expired`` or ``active``, as of now."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.is_expired_at(timezone.now()) else "active"

    def is_expired_at(self, moment: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= moment


def is_active_at(moment: datetime) -> models.Q:
    """What :attr:`AccessKey.state` calls active, as the database is asked for it."""
    return models.Q(models.Q(expires_at=None) | models.Q(expires_at__gt=moment), revoked_at=None)


class AccessKeyQuerySet(models.QuerySet[Any]):
    def newest_first(self) -> "AccessKeyQuerySet":
        return self.order_by("-pk")

    def active_at(self, moment: datetime) -> "AccessKeyQuerySet":
        """Those whose ``state`` is active then."""
        return self.filter(is_active_at(moment))

    def with_usage(self) -> "AccessKeyQuerySet":
        """With ``requests_today`` and ``requests_lately`` (in 30 days), and so with pictures and bytes."""
        today = datetime.now(UTC).date()
        days = {
            "today": models.Q(usage__day=today),
            "lately": models.Q(usage__day__gt=today - timedelta(days=30)),
        }
        sums = {
            f"{counter}_{name}": Coalesce(models.Sum(f"usage__{counter}", filter=days[name]), 0)
            for counter in ("requests", "pictures", "bytes")
            for name in days
        }
        counted: AccessKeyQuerySet = self.annotate(**sums)
        return counted


class ApiToken(AccessKey):
    """A person's key to the API, for one organization. It can do what its person may do there, and no more."""

    class Access(models.TextChoices):
        READ = "read", "Read only"
        WRITE = "write", "Read and write"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    access = models.CharField(max_length=5, choices=Access, default=Access.READ)
    networks = models.JSONField(
        "allowed networks", default=list, blank=True, help_text="Like 192.0.2.0/24; empty: from anywhere."
    )

    unscoped = AccessKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.UniqueConstraint(fields=["id", "org"], name="orgs_apitoken_id_and_organization"),
            models.CheckConstraint(
                condition=models.Q(access__in=["read", "write"]), name="orgs_apitoken_access_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (vis_usr_{self.prefix}_…)"


class DailyUsage(TenantModel):
    """What one key was used for on one day (UTC): a row for each key and day."""

    day = models.DateField()
    requests = models.PositiveIntegerField(default=0)
    pictures = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True


class ApiTokenUsage(DailyUsage):
    key = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="usage", db_index=False)

    unscoped = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = "API token usage"
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="orgs_apitokenusage_once_a_day")]
