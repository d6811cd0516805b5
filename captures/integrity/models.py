"""What was found when the archive was looked over, and when it was."""

from django.db import models
from django.utils import timezone

from orgs.tenancy import Row, TenantModel


class Problem(models.TextChoices):
    MISSING = "missing", "its bytes are missing"
    DAMAGED = "damaged", "its bytes are damaged"


class IntegrityFinding(Row, TenantModel):
    """A picture whose bytes are not as they were taken in. Gone once they are, or the picture is."""

    org = models.ForeignKey(
        "orgs.Organization", on_delete=models.CASCADE, related_name="integrity_findings", db_index=True
    )
    capture = models.OneToOneField("captures.Capture", on_delete=models.CASCADE, related_name="finding")
    problem = models.CharField(max_length=10, choices=Problem)
    detail = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, help_text="When it was last looked at.")

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(problem__in=Problem.values), name="captures_integrityfinding_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.get_problem_display()


class HousekeepingRun(Row):
    """One turn of a job: at most one for each ``subject`` and ``day``, whoever calls it how often.

    ``subject`` is the id of the organization that is pruned, else empty. ``report`` holds numbers, and for the
    integrity check where it stopped. A turn that was cut off is taken over once ``seen_at`` is old.
    """

    job = models.CharField(max_length=20)
    subject = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    turns = models.PositiveIntegerField(default=1, help_text="How often it was begun; the last one may write.")
    report = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = "housekeeping run"
        verbose_name_plural = "housekeeping"
        constraints = [
            models.UniqueConstraint(fields=["job", "subject", "day"], name="captures_housekeepingrun_once_a_day")
        ]
        indexes = [
            # The last turn of a job for a subject.
            models.Index(fields=["job", "subject", "-day"], name="captures_housekeepingrun_last"),
        ]

    def __str__(self) -> str:
        return f"{self.job} on {self.day}"

    @property
    def state(self) -> str:
        if self.finished_at is None:
            return "running"
        return "failed" if self.error else "done"
