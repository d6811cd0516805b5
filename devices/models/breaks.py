from django.db import models
from django.db.models import F, Q

from devices.models.devices import Device
from orgs.tenancy import Row, TenantModel


class ServiceBreak(Row, TenantModel):
    """A time in which a camera was suspended or retired, and that is over; the present one stands in the camera.

    From ``began_at`` included to ``ended_at`` not. No picture was expected in it.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="service_breaks")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("began_at")), name="devices_servicebreak_ends_after_it_began"
            )
        ]

    def __str__(self) -> str:
        return f"{self.began_at} to {self.ended_at}"
