from django.db import models

from devices.models.devices import Device
from orgs.keys import ADOPTED
from orgs.models import AccessKey, AccessKeyQuerySet, DailyUsage


class DeviceKey(AccessKey):
    """A secret a camera shows.

    One that ``replaces`` another is delivered by the camera's configuration and waits, ``sealed`` (encrypted, see
    ``orgs/sealing.py``), until it is used for the first time: then the other ends.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="keys")
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="successors", editable=False
    )
    sealed = models.TextField(blank=True, default="", db_default="", editable=False)
    delivered_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the configuration handed it out first."
    )
    reminded_of = models.PositiveSmallIntegerField(
        null=True, blank=True, editable=False, help_text="So many days before its end the owners were last told."
    )

    unscoped = AccessKeyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["id", "org"], name="devices_devicekey_id_and_organization")]

    def __str__(self) -> str:
        if self.prefix.startswith(ADOPTED):
            return f"key of an earlier system ({self.prefix})"
        return f"vis_dev_{self.prefix}_…"

    @property
    def is_waiting(self) -> bool:
        """Whether it is to replace another key and was not used yet."""
        return bool(self.sealed) and self.state == "active"


class DeviceKeyUsage(DailyUsage):
    key = models.ForeignKey(DeviceKey, on_delete=models.CASCADE, related_name="usage", db_index=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="devices_devicekeyusage_once_a_day")]
