"""Expected against received pictures."""

from django.db import models

from orgs.tenancy import Row, TenantModel

# What is counted of a day, as people read it.
COUNTS = ("expected", "received", "late", "missing", "rejected", "unplanned", "unplanned_rejected")


class CalendarDay(Row, TenantModel):
    """One day of one camera, on the clock of the camera: how many pictures its schedules asked for, and what came.

    expected = received + late + missing + rejected: these came, and were refused. ``unplanned`` came beside the
    schedules, and ``unplanned_rejected`` were refused of those.
    """

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="calendar_days")
    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, related_name="calendar_days", db_index=False
    )
    day = models.DateField()
    expected = models.PositiveIntegerField(default=0)
    received = models.PositiveIntegerField(default=0)
    late = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    unplanned = models.PositiveIntegerField(default=0)
    unplanned_rejected = models.PositiveIntegerField(default=0, db_default=0)
    settled_at = models.DateTimeField()

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "day"], name="captures_calendarday_once"),
            models.CheckConstraint(
                condition=models.Q(
                    expected=models.F("received") + models.F("late") + models.F("missing") + models.F("rejected")
                ),
                name="captures_calendarday_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} on {self.day}"


class Rejection(Row, TenantModel):
    """A picture that was refused, however often the camera sent it: ``count`` says."""

    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, related_name="rejections", db_index=False
    )
    record_id = models.CharField(max_length=200, blank=True)
    captured_at = models.DateTimeField(help_text="As the camera said, else when it came.")
    code = models.CharField(max_length=50)
    detail = models.CharField(max_length=300)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device", "record_id", "captured_at", "code"], name="captures_rejection_once"
            )
        ]
        indexes = [
            # The refused pictures of a day of a camera.
            models.Index(fields=["device", "captured_at"], name="captures_rejection_time"),
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.captured_at}"
