from django.db import models

from devices.models.devices import Device
from orgs.tenancy import TenantModel


class Delivery(models.TextChoices):
    """Whether the pictures come that the schedules ask for."""

    UNPLANNED = "unplanned", "Nothing is planned"
    ON_TIME = "on_time", "As planned"
    LATE = "late", "Late"
    MISSING = "missing", "Missing"
    REJECTED = "rejected", "Rejected"


class DeviceStatus(TenantModel):
    """What changes often about a camera, in a small row of its own. Each truth has its own "since when"."""

    device = models.OneToOneField(Device, on_delete=models.CASCADE, primary_key=True, related_name="status")

    # Reachable: any request with its key, or an open stream. ``seen_since``: without a longer gap.
    last_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_from = models.GenericIPAddressField(null=True, blank=True)
    seen_since = models.DateTimeField(null=True, blank=True)
    listened_at = models.DateTimeField(null=True, blank=True, help_text="When it last asked for commands.")
    version = models.CharField(max_length=100, blank=True)
    health = models.JSONField(
        default=dict,
        blank=True,
        db_default=models.Value({}, output_field=models.JSONField()),
        help_text="What its last heartbeat told: spool, disk, clock.",
    )
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    # What it says it does, beside what it is to do (Device.configuration_version).
    fetched_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The version of the configuration that it fetched last."
    )
    reported_configuration = models.JSONField(default=dict, blank=True)
    reported_version = models.PositiveIntegerField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    differs_since = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        db_default=models.Value({}, output_field=models.JSONField()),
        help_text="Where the two differ: what it says there, and since when.",
    )

    # Delivering as planned, as the calendar found it at ``delivery_checked_at``.
    delivery = models.CharField(
        max_length=10, choices=Delivery, default=Delivery.UNPLANNED, db_default=Delivery.UNPLANNED
    )
    delivery_since = models.DateTimeField(null=True, blank=True)
    delivery_checked_at = models.DateTimeField(null=True, blank=True)
    last_received_at = models.DateTimeField(null=True, blank=True)

    # Picture usable, as its newest judged picture was; None: none was judged yet.
    usable = models.BooleanField(null=True)
    usable_seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When its newest judged picture came in, as far as it was noted."
    )
    usable_since = models.DateTimeField(null=True, blank=True)
    usable_reason = models.CharField(max_length=300, blank=True, default="", db_default="")

    unscoped = models.Manager()

    class Meta:
        verbose_name_plural = "device statuses"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(delivery__in=Delivery.values), name="devices_devicestatus_delivery_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"status of {self.device_id}"
