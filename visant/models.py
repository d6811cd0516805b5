"""What the project itself keeps: which of its processes are alive."""

from django.db import models
from django.utils import timezone

from orgs.ids import uuid7


class Heartbeat(models.Model):
    """A process that works behind the scenes, and when it was last heard of (``visant/heartbeats.py``)."""

    class Kind(models.TextChoices):
        WORKER = "worker"
        SCHEDULER = "scheduler"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "host", "pid"], name="visant_heartbeat_process"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pid} on {self.host}"
