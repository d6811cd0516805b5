from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.devices import Device
from devices.models.schedules import Schedule
from orgs.models import User
from orgs.tenancy import Row, TenantModel


class CommandStatus(models.TextChoices):
    QUEUED = "queued"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


OPEN = (CommandStatus.QUEUED, CommandStatus.SENT)


class CommandQuerySet(models.QuerySet["Command"]):
    def open_at(self, moment: datetime) -> "CommandQuerySet":
        """Those the camera is still to carry out."""
        return self.filter(status__in=OPEN, expires_at__gt=moment)

    def newest_first(self) -> "CommandQuerySet":
        return self.order_by("-pk")


class Command(Row, TenantModel):
    """Something a camera is told to do. "Sent" says only that it was written to a connection: it is sent again
    on each new one, until a picture with its ``trigger_id`` or an acknowledgement closes it, or its time is up."""

    class Kind(models.TextChoices):
        CAPTURE = "capture"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="commands", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.CAPTURE)
    trigger_id = models.CharField(max_length=100)
    trigger_type = models.CharField(max_length=100, help_text="Why: “manual”, “schedule”, or what was given.")
    parameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=CommandStatus, default=CommandStatus.QUEUED)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed, as the camera told.")
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    due_at = models.DateTimeField(null=True, blank=True, help_text="The moment of the schedule it is for.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    unscoped = CommandQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also what an upload or an acknowledgement finds its command by.
            models.UniqueConstraint(fields=["device", "trigger_id"], name="devices_command_trigger_once"),
            models.CheckConstraint(
                condition=Q(status__in=CommandStatus.values), name="devices_command_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, closed_at=None) | (~Q(status__in=OPEN) & Q(closed_at__isnull=False)),
                name="devices_command_closed_has_its_moment",
            ),
        ]
        indexes = [
            # What a camera is still to do, and what is over; both are few.
            models.Index(fields=["device", "id"], condition=Q(status__in=OPEN), name="devices_command_open"),
            models.Index(fields=["expires_at"], condition=Q(status__in=OPEN), name="devices_command_expiring"),
            # What was told to a camera lately.
            models.Index(fields=["device", "-id"], name="devices_command_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.trigger_id}"
