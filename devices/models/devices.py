from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from orgs.tenancy import Row, TenantModel

if TYPE_CHECKING:
    from devices.models.units import Installation


class DeviceQuerySet(models.QuerySet["Device"]):
    def by_name(self) -> "DeviceQuerySet":
        return self.order_by(Lower("name"), "pk")

    def in_service(self) -> "DeviceQuerySet":
        """Those that count towards the plan: all but the retired ones."""
        return self.filter(retired_at=None)

    def retired(self) -> "DeviceQuerySet":
        return self.filter(retired_at__isnull=False)

    def with_hardware(self) -> "DeviceQuerySet":
        """Each with its installations and their units, in two more queries for all of them."""
        return self.prefetch_related("installations__unit")


class Device(Row, TenantModel):
    """A camera's *position* ("Gate 2"): it owns the archive; the hardware that serves it may change."""

    name = models.CharField(max_length=200)
    external_id = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What the camera calls itself since an earlier system, beside its id here.",
    )
    former_id = models.UUIDField(
        null=True, blank=True, editable=False, help_text="The id it had in the Visant it was exported from."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    time_zone = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Empty: the organization's."
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    # What the camera is to do beside its schedules; its version counts changes of both.
    configuration = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, output_field=models.JSONField())
    )
    configuration_version = models.PositiveIntegerField(default=1, db_default=1)
    configured_at = models.DateTimeField(default=timezone.now, db_default=models.functions.Now())

    unscoped = DeviceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                "org",
                name="devices_device_name_once_per_organization",
                violation_error_message="There is a camera of this name already.",
            ),
            models.UniqueConstraint(
                fields=["org", "external_id"],
                condition=~models.Q(external_id=""),
                name="devices_device_external_id_once_per_organization",
            ),
            models.UniqueConstraint(
                fields=["org", "former_id"],
                condition=models.Q(former_id__isnull=False),
                name="devices_device_former_id_once_per_organization",
            ),
            # What the composite foreign keys of PostgreSQL point at: "the same organization" is a fact there.
            models.UniqueConstraint(fields=["id", "org"], name="devices_device_id_and_organization"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def installation(self) -> "Installation | None":
        """The unit that serves it, None for one without; see ``with_hardware``."""
        return next((row for row in self.installations.all() if row.removed_at is None), None)

    @property
    def out_since(self) -> datetime | None:
        """Since when it is out of service, suspended or retired; None for one in service."""
        return min(filter(None, (self.suspended_at, self.retired_at)), default=None)

    @property
    def state(self) -> str:
        """``active``, ``suspended`` or ``retired``."""
        if self.retired_at is not None:
            return "retired"
        return "active" if self.suspended_at is None else "suspended"
