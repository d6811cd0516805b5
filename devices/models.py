from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from orgs.models import AccessKey, AccessKeyQuerySet, DailyUsage
from orgs.tenancy import Row, TenantModel


class DeviceQuerySet(models.QuerySet["Device"]):
    def by_name(self) -> "DeviceQuerySet":
        return self.order_by(Lower("name"), "pk")


class Device(Row, TenantModel):
    """A camera's *position* ("Gate 2"): it owns the archive; the hardware that serves it may change."""

    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    unscoped = DeviceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                "org",
                name="devices_device_name_once_per_organization",
                violation_error_message="There is a camera of this name already.",
            ),
            # What the composite foreign keys of PostgreSQL point at: "the same organization" is a fact there.
            models.UniqueConstraint(fields=["id", "org"], name="devices_device_id_and_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class DeviceKey(AccessKey):
    """A secret a camera shows."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="keys")

    unscoped = AccessKeyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["id", "org"], name="devices_devicekey_id_and_organization")]

    def __str__(self) -> str:
        return f"vis_dev_{self.prefix}_…"


class DeviceKeyUsage(DailyUsage):
    key = models.ForeignKey(DeviceKey, on_delete=models.CASCADE, related_name="usage", db_index=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="devices_devicekeyusage_once_a_day")]


class DeviceStatus(TenantModel):
    """What changes often about a camera, in a small row of its own."""

    device = models.OneToOneField(Device, on_delete=models.CASCADE, primary_key=True, related_name="status")
    last_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_from = models.GenericIPAddressField(null=True, blank=True)
    version = models.CharField(max_length=100, blank=True)
    reported_configuration = models.JSONField(default=dict, blank=True)

    unscoped = models.Manager()

    class Meta:
        verbose_name_plural = "device statuses"
        # Cameras that have not been heard of for a while.
        indexes = [models.Index(fields=["last_seen_at"], name="devices_status_last_seen")]

    def __str__(self) -> str:
        return f"status of {self.device_id}"
