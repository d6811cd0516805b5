from datetime import datetime

from django.db import models
from django.db.models import ExpressionWrapper, Q

from devices.models.devices import Device
from orgs.keys import ADOPTED
from orgs.models import AccessKey, AccessKeyQuerySet, DailyUsage
from orgs.models.tokens import is_active_at


def _is_usable_at(moment: datetime) -> Q:
    """Whether a camera may use a key: the key is active, and the camera in service."""
    return is_active_at(moment) & Q(device__suspended_at=None, device__retired_at=None)


class DeviceKeyQuerySet(AccessKeyQuerySet):
    def usable_at(self, moment: datetime) -> AccessKeyQuerySet:
        """Those a camera may use. Whoever shows another one is refused."""
        return self.filter(_is_usable_at(moment))

    def with_usability(self, moment: datetime) -> "DeviceKeyQuerySet":
        """Each with ``is_usable``: whether it is among :meth:`usable_at`."""
        asked: DeviceKeyQuerySet = self.annotate(
            is_usable=ExpressionWrapper(_is_usable_at(moment), models.BooleanField())
        )
        return asked

    def waiting_at(self, moment: datetime) -> AccessKeyQuerySet:
        """Those that are to replace another key, and were not used yet."""
        return self.active_at(moment).exclude(sealed="")


class DeviceKey(AccessKey):
    """A secret a camera shows.

    One that ``replaces`` another is delivered by the camera's configuration and waits, ``sealed`` (encrypted, see
    ``orgs/sealing.py``), until it is used for the first time: then the other ends.
    """

    is_usable: bool  # of those from ``with_usability``

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="keys")
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="successors", editable=False
    )
    sealed = models.TextField(blank=True, default="", db_default="", editable=False)
    delivered_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the configuration handed it out first."
    )
    # While a key waits that is to replace this one: that it ends for this, and when it was to end before.
    ends_for_successor = models.BooleanField(default=False, db_default=False, editable=False)
    former_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    reminded_of = models.PositiveSmallIntegerField(
        null=True, blank=True, editable=False, help_text="So many days before its end the owners were last told."
    )

    unscoped = DeviceKeyQuerySet.as_manager()

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
