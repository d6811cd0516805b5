"""What the project itself keeps: its processes that are alive, its backups, and which secrets were in use."""

from datetime import datetime

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


class BackupQuerySet(models.QuerySet["Backup"]):
    def good(self) -> "BackupQuerySet":
        """Those that were restored on trial and found good, with every picture as it should be."""
        return self.filter(verified_at__isnull=False, verify_problems=0, problems=0)

    def good_since(self, moment: datetime) -> "BackupQuerySet":
        """The good ones that were made since: an older one, tried again, has nothing of what came later."""
        return self.good().filter(made_at__gte=moment)


class Backup(models.Model):
    """A backup of this installation that came to its end, and whether it was tried since. The backup itself is a
    folder (``visant/backup/``), which needs no row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    folder = models.TextField()
    made_at = models.DateTimeField()
    rows = models.PositiveBigIntegerField()
    files = models.PositiveBigIntegerField()
    bytes = models.PositiveBigIntegerField()
    problems = models.PositiveIntegerField(help_text="Files that were missing, unreadable or damaged.")
    verified_at = models.DateTimeField(null=True)
    verify_problems = models.PositiveIntegerField(null=True)

    objects = BackupQuerySet.as_manager()

    class Meta:
        # Whether one was verified lately.
        indexes = [models.Index(fields=["verified_at"], name="visant_backup_verified")]

    def __str__(self) -> str:
        return self.folder


class SecretMark(models.Model):
    """A fingerprint of a secret that rows cannot be read without (``visant/backup/secret_marks.py``)."""

    name = models.CharField(max_length=50, primary_key=True)
    mark = models.CharField(max_length=20)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
