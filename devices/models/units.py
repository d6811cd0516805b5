from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.devices import Device
from devices.models.keys import DeviceKey
from orgs.models import User
from orgs.tenancy import Row, TenantModel


class UnitState(models.TextChoices):
    MANUFACTURED = "manufactured"
    CLAIMED = "claimed"
    RETIRED = "retired"


class Unit(Row):
    """A piece of hardware, which an operator made. It is no organization's: which camera it serves stands in
    :class:`Installation`. The claim code itself is not kept."""

    serial = models.CharField(
        max_length=64, unique=True, error_messages={"unique": "There is a unit of this serial already."}
    )
    model = models.CharField(max_length=100)
    reported_model = models.CharField(max_length=100, blank=True, help_text="What it says it is.")
    version = models.CharField(max_length=100, blank=True, help_text="Of its software, when it fetched its key.")
    state = models.CharField(max_length=12, choices=UnitState, default=UnitState.MANUFACTURED)
    code_digest = models.CharField(max_length=64, unique=True, editable=False)
    code_pepper_id = models.PositiveSmallIntegerField(editable=False)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    code_revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=UnitState.values), name="devices_unit_state_is_known")
        ]

    def __str__(self) -> str:
        return self.serial


class Installation(Row, TenantModel):
    """A unit that serves, or served, a camera. ``key`` is the one that was handed out to the unit."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="installations")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="installations")
    key = models.ForeignKey(DeviceKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    installed_at = models.DateTimeField(default=timezone.now)
    installed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["unit"], condition=Q(removed_at=None), name="devices_installation_unit_serves_one_camera"
            ),
            models.UniqueConstraint(
                fields=["device"], condition=Q(removed_at=None), name="devices_installation_camera_has_one_unit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} at {self.device}"
