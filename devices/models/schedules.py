from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.devices import Device
from orgs.tenancy import Row, TenantModel


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def due_at(self, moment: datetime) -> "ScheduleQuerySet":
        return self.filter(next_run_at__lte=moment)

    def kept(self) -> "ScheduleQuerySet":
        """All but those that were removed, whose rules the calendar of the past still needs."""
        return self.filter(removed_at=None)


class Schedule(Row, TenantModel):
    """When a camera takes pictures by itself. How exactly stands in its rules: the one without an end holds."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="schedules")
    label = models.CharField(max_length=100, help_text="Comes with each of its pictures.")
    enabled = models.BooleanField(default=True)
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    removed_at = models.DateTimeField(null=True, blank=True)

    unscoped = ScheduleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["id", "org"], name="devices_schedule_id_and_organization")]
        indexes = [
            # What the scheduler fires next.
            models.Index(
                fields=["next_run_at"],
                condition=Q(next_run_at__isnull=False),
                name="devices_schedule_due",
            )
        ]

    def __str__(self) -> str:
        return self.label


class ScheduleRuleQuerySet(models.QuerySet["ScheduleRule"]):
    def holding(self) -> "ScheduleRuleQuerySet":
        """Those in force: one of each schedule that is switched on and was not removed."""
        return self.filter(valid_until=None)


class ScheduleRule(Row, TenantModel):
    """A rule as it held from ``valid_from`` until ``valid_until`` (None: now). Never changed, but ended.

    Either ``cron`` (5 fields) or ``interval_seconds``, told on the clock of ``time_zone``. ``weekdays`` (0 Monday
    to 6 Sunday; empty: all) and the quiet hours (from included, until not; they may span midnight) take runs out.
    ``jitter_seconds`` is the most a run may be put off; how much is the same each time.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="rules")
    cron = models.CharField(max_length=100, blank=True)
    interval_seconds = models.PositiveIntegerField(null=True, blank=True)
    time_zone = models.CharField(max_length=64)
    weekdays = models.JSONField(default=list, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    jitter_seconds = models.PositiveIntegerField(default=0)
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)

    unscoped = ScheduleRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cron="", interval_seconds__isnull=False) | (~Q(cron="") & Q(interval_seconds=None)),
                name="devices_schedulerule_cron_or_interval",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="devices_schedulerule_quiet_hours_have_both_ends",
            ),
            models.UniqueConstraint(
                fields=["schedule"], condition=Q(valid_until=None), name="devices_schedulerule_one_holds"
            ),
        ]

    def __str__(self) -> str:
        return self.cron or f"every {self.interval_seconds} s"
