"""Uploads that were begun."""

from django.db import models
from django.utils import timezone

from orgs.tenancy import Row, TenantModel


class PendingUpload(Row, TenantModel):
    """What a camera said of a picture that it was to put into the bucket itself. Swept after a day, done or not.

    Whether it is done stands in no column: then the picture is there.
    """

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="pending_uploads")
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="pending_uploads")
    record_id = models.CharField(max_length=200)
    captured_at = models.DateTimeField()
    content_type = models.CharField(max_length=20)
    byte_size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    trigger_label = models.CharField(max_length=100, blank=True)
    trigger_id = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    unscoped = models.Manager()

    class Meta:
        indexes = [
            # What the sweep takes next.
            models.Index(fields=["created_at"], name="captures_pendingupload_age"),
        ]

    def __str__(self) -> str:
        return self.record_id
