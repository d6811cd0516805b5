from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from orgs.tenancy import Row, TenantModel


class ExportQuerySet(models.QuerySet["Export"]):
    def waiting_at(self, moment: datetime) -> "ExportQuerySet":
        """Those a worker may begin: not made yet, and not being made by another one."""
        return self.filter(finished_at=None, due_at__lte=moment)

    def newest_first(self) -> "ExportQuerySet":
        return self.order_by("-pk")


class Export(Row, TenantModel):
    """All of an organization as a file, asked for by an owner. The row says what became of it.

    ``due_at`` is when a worker may begin; for one in work it is the end of its lease. It is finished with a file
    (``storage_key``, until ``expires_at``) or with an ``error``, in a sentence for people.
    """

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    storage_key = models.CharField(max_length=300, blank=True)
    byte_size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=500, blank=True)

    unscoped = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org"],
                condition=Q(finished_at=None),
                name="captures_export_one_at_a_time",
                violation_error_message="An export is being made already.",
            )
        ]
        indexes = [
            # What workers make next.
            models.Index(fields=["due_at"], condition=Q(finished_at=None), name="captures_export_waiting")
        ]

    def __str__(self) -> str:
        return f"export of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def state(self) -> str:
        """``waiting``, ``failed``, ``ready`` or ``over``, as of now."""
        if self.finished_at is None:
            return "waiting"
        if self.error:
            return "failed"
        is_there = self.storage_key and self.expires_at and self.expires_at > timezone.now()
        return "ready" if is_there else "over"
