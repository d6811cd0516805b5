from datetime import datetime
from typing import Any

from django.core.signing import Signer
from django.db import models
from django.utils import timezone

from orgs.tenancy import Row

_SIGNER = Signer(salt="orgs.deletions")


class DeletionQuerySet(models.QuerySet["Deletion"]):
    def unfinished(self) -> "DeletionQuerySet":
        return self.filter(taken_back_at=None, finished_at=None)

    def due_at(self, moment: datetime) -> "DeletionQuerySet":
        """Those whose waiting time is over and that nobody is working on."""
        free = models.Q(claimed_until=None) | models.Q(claimed_until__lte=moment)
        return self.unfinished().filter(free, due_at__lte=moment)


class Deletion(Row):
    """An organization is to be deleted, or was: then this is the receipt, and all that is left of it.

    It holds nothing about people, and the organization by its id only; it is no organization's row, for it
    outlives it. While ``begun_at`` is set and ``finished_at`` is not, the database lets its audit go.
    """

    organization_id = models.UUIDField()
    asked_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    taken_back_at = models.DateTimeField(null=True, blank=True)
    begun_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.JSONField(default=dict, blank=True, help_text="How many of each table.")
    files = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)

    objects = DeletionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=models.Q(taken_back_at=None, finished_at=None),
                name="orgs_deletion_one_at_a_time",
                violation_error_message="The organization is to be deleted already.",
            )
        ]

    def __str__(self) -> str:
        return f"Deletion of {self.organization_id}"

    @property
    def receipt(self) -> dict[str, Any]:
        """What was deleted, with a signature that this installation can tell for its own."""
        said = {
            "deletion": str(self.pk),
            "organization": str(self.organization_id),
            **{
                name: moment.isoformat() if (moment := getattr(self, name)) else None
                for name in ("asked_at", "due_at", "begun_at", "finished_at")
            },
            "rows": dict(sorted(self.rows.items())),
            "files": self.files,
            "bytes": self.bytes,
        }
        return {**said, "signature": _SIGNER.signature(repr(said))}
