"""How long pictures are kept, what that would delete, and what is remembered of those that were deleted."""

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from orgs.models.organizations import LONGEST_RETENTION_DAYS
from orgs.tenancy import Row, TenantModel

_DAYS = [MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION_DAYS)]


class RetentionPolicy(Row, TenantModel):
    """What an organization, or one of its cameras, keeps. A camera's own replaces its organization's, whole.

    An empty field deletes nothing. Days are those of the camera's clock, and the present one is not counted.
    """

    org = models.ForeignKey(
        "orgs.Organization", on_delete=models.CASCADE, related_name="retention_policies", db_index=False
    )
    device = models.OneToOneField(
        "devices.Device", null=True, blank=True, on_delete=models.CASCADE, related_name="retention_policy"
    )
    days = models.PositiveIntegerField(
        "days that pictures are kept", null=True, blank=True, validators=_DAYS, help_text="Empty: for ever."
    )
    bytes = models.PositiveBigIntegerField(
        "most bytes", null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: no limit."
    )
    all_days = models.PositiveIntegerField(
        "days with all pictures", null=True, blank=True, validators=_DAYS, help_text="Empty: nothing is thinned."
    )
    hourly_days = models.PositiveIntegerField(
        "then days with one an hour",
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_RETENTION_DAYS)],
        help_text="Afterwards one at noon.",
    )
    hold = models.BooleanField(default=False, help_text="Nothing is deleted, whatever the rules say.")
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now)

    unscoped = models.Manager()

    class Meta:
        verbose_name_plural = "retention policies"
        constraints = [
            models.UniqueConstraint(
                fields=["org"], condition=Q(device=None), name="captures_retentionpolicy_one_an_organization"
            ),
            models.CheckConstraint(
                condition=Q(all_days=None, hourly_days=None)
                # Compared with nothing, a number is neither more nor less; and what is not false would do.
                | Q(all_days__isnull=False, all_days__gt=0, hourly_days__isnull=False),
                name="captures_retentionpolicy_thinning_is_whole",
                violation_error_message="Thinning needs both: days with all pictures, and days with one an hour.",
            ),
            models.CheckConstraint(
                condition=(Q(days=None) | Q(days__gt=0)) & (Q(bytes=None) | Q(bytes__gt=0)),
                name="captures_retentionpolicy_keeps_something",
            ),
        ]
        indexes = [
            # The policies of an organization, for a night of pruning.
            models.Index(fields=["org", "device"], name="captures_retentionpolicy_org"),
        ]

    def __str__(self) -> str:
        return "own policy" if self.device_id else "policy of the organization"


class ForecastQuerySet(models.QuerySet["Forecast"]):
    def waiting_at(self, moment: datetime) -> "ForecastQuerySet":
        """Those a worker may begin: not counted yet, and not being counted by another one."""
        return self.filter(finished_at=None, due_at__lte=moment)


class Forecast(Row, TenantModel):
    """What rules would delete, where counting it takes longer than a request may. Forgotten after a day.

    ``question`` holds all that the answer depends on besides the pictures: the rules, what is kept at most, whose
    they are. ``due_at`` is when a worker may begin; for one in work it is the end of its lease. It is finished
    with its numbers, or with an ``error`` in a sentence for people.
    """

    key = models.CharField(max_length=64, help_text="Of the question and the night.")
    question = models.JSONField()
    at = models.DateTimeField(help_text="The moment of the pruning that is foreseen.")
    asked_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    pictures = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    kept = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True)

    unscoped = ForecastQuerySet.as_manager()

    class Meta:
        constraints = [
            # Whoever asks the same again waits for the same count.
            models.UniqueConstraint(fields=["org", "key"], name="captures_forecast_once")
        ]
        indexes = [
            # What workers count next.
            models.Index(fields=["due_at"], condition=Q(finished_at=None), name="captures_forecast_waiting"),
            # Those that are forgotten.
            models.Index(fields=["asked_at"], name="captures_forecast_asked"),
        ]

    def __str__(self) -> str:
        return f"forecast for {self.at:%Y-%m-%d}"

    @property
    def state(self) -> str:
        """``waiting``, ``failed`` or ``done``."""
        if self.finished_at is None:
            return "waiting"
        return "failed" if self.error else "done"


class DeletedBy(models.TextChoices):
    RULE = "rule"
    PERSON = "person"


class DeletedCapture(TenantModel):
    """What is remembered of a deleted picture, so that a late copy of it is known, and its day still adds up."""

    org = models.ForeignKey(
        "orgs.Organization", on_delete=models.CASCADE, related_name="deleted_captures", db_index=False
    )
    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, related_name="deleted_captures", db_index=False
    )
    capture_id = models.UUIDField(primary_key=True, help_text="The id that the picture had.")
    record_id = models.CharField(max_length=200)
    captured_at = models.DateTimeField()
    received_at = models.DateTimeField()
    sha256 = models.CharField(max_length=64)
    trigger_id = models.CharField(max_length=100, blank=True)
    trigger_label = models.CharField(max_length=100, blank=True)
    deleted_by = models.CharField(max_length=10, choices=DeletedBy)
    deleted_at = models.DateTimeField()

    unscoped = models.Manager()

    class Meta:
        constraints = [
            # Also what an upload looks for: whether its picture was here already.
            models.UniqueConstraint(fields=["device", "record_id"], name="captures_deletedcapture_record_once"),
            models.CheckConstraint(
                condition=Q(deleted_by__in=DeletedBy.values), name="captures_deletedcapture_by_is_known"
            ),
        ]
        indexes = [
            # The same by moment, and the pictures of a day of the calendar that are gone.
            models.Index(fields=["device", "captured_at"], name="captures_deletedcapture_time"),
            # Those that are forgotten.
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_by="rule"), name="captures_deletedcapture_rule"
            ),
            # What goes with an organization.
            models.Index(fields=["org"], name="captures_deletedcapture_org"),
        ]

    def __str__(self) -> str:
        return self.record_id
