import uuid
from datetime import datetime

from django.db import models
from django.utils import timezone

from captures.calendar.models import CalendarDay, Rejection
from captures.direct.models import PendingUpload
from captures.evaluation.models import Definition, Evaluation, Label, State
from captures.integrity.models import HousekeepingRun, IntegrityFinding
from captures.leaving.models import Export
from captures.retention.models import DeletedCapture, Forecast, RetentionPolicy
from orgs.keyset import newer_than, older_than, position_of
from orgs.tenancy import Row, TenantModel

__all__ = [
    "CalendarDay",
    "Capture",
    "Definition",
    "DeletedCapture",
    "Evaluation",
    "EvaluationStatus",
    "Export",
    "Forecast",
    "HousekeepingRun",
    "IntegrityFinding",
    "Label",
    "PendingUpload",
    "Rejection",
    "RetentionPolicy",
    "State",
]


class EvaluationStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


UNSETTLED = (EvaluationStatus.PENDING, EvaluationStatus.PROCESSING)
# Left unjudged for a limit of the plan or the quota of a key: skipped before anything looked at it. That there is
# no verdict lets the index of verdicts find them.
# A picture that was not kept cannot be judged any more.
OVER_LIMIT = models.Q(
    ~models.Q(storage_key=""), verdict=None, evaluation_status=EvaluationStatus.SKIPPED, usable=None
)


class CaptureQuerySet(models.QuerySet["Capture"]):
    def newest_first(self) -> "CaptureQuerySet":
        return self.order_by("-captured_at", "-pk")

    def due_at(self, moment: datetime) -> "CaptureQuerySet":
        """Those a worker may claim: waiting and their time has come, or left by a worker that died."""
        return self.filter(evaluation_status__in=UNSETTLED, evaluation_due_at__lte=moment)

    def matching(
        self,
        *,
        state: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
    ) -> "CaptureQuerySet":
        """Narrow by verdict, by ``since`` ≤ captured_at < ``until``, and by words in its texts."""
        found = self
        if state:
            found = found.filter(verdict=state)
        if since:
            found = found.filter(captured_at__gte=since)
        if until:
            found = found.filter(captured_at__lt=until)
        if text:
            in_texts = models.Q(record_id__icontains=text) | models.Q(reason__icontains=text)
            found = found.filter(in_texts | models.Q(trigger_label__icontains=text))
        return found

    def unjudged(self) -> "CaptureQuerySet":
        """Those without a verdict: still waiting for one, or it could not be found."""
        return self.filter(verdict=None)

    def pictured(self) -> "CaptureQuerySet":
        """Those whose picture was kept, all but some of what was imported."""
        return self.exclude(storage_key="")

    def over_limit(self) -> "CaptureQuerySet":
        """Those that a limit of the plan, or the quota of their key, left unjudged."""
        return self.filter(OVER_LIMIT)

    def just_before(self, capture: "Capture") -> "Capture | None":
        position = position_of(capture, "captured_at")
        return older_than(self, position, field="captured_at").order_by("-captured_at", "-pk").first()

    def just_after(self, capture: "Capture") -> "Capture | None":
        position = position_of(capture, "captured_at")
        return newer_than(self, position, field="captured_at").order_by("captured_at", "pk").first()

    def named(self, text: str) -> "CaptureQuerySet":
        """The capture of that id or record id. A record id may look like another capture's id: the id wins."""
        try:
            pk = uuid.UUID(text)
        except ValueError:
            return self.filter(record_id=text)
        is_id = models.Case(models.When(pk=pk, then=0), default=1)
        return self.filter(models.Q(pk=pk) | models.Q(record_id=text)).order_by(is_id)


class Capture(Row, TenantModel):
    """A picture a camera took. The row is the truth about its evaluation, too.

    ``evaluation_due_at`` says when a worker may claim it: for a pending one the moment of the next try, for one
    in work the end of the lease. ``evaluation_attempts`` is the fence: only the latest attempt may record.

    Of what was imported the verdict may be there and the picture not: then ``storage_key``, ``content_type`` and
    ``sha256`` are empty and its sizes 0. There may be a thumbnail.
    """

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="captures", db_index=False)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="captures", db_index=False)
    record_id = models.CharField(max_length=200, help_text="The camera's own name for the picture.")
    captured_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    storage_key = models.CharField(max_length=300, blank=True, help_text="Empty: the picture was not kept.")
    thumbnail_key = models.CharField(max_length=300, blank=True)
    content_type = models.CharField(max_length=20)
    byte_size = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    trigger_label = models.CharField(max_length=100, blank=True)
    trigger_id = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    hold = models.BooleanField(default=False, help_text="Kept whatever the retention rules say.")

    evaluation_status = models.CharField(max_length=10, choices=EvaluationStatus, default=EvaluationStatus.PENDING)
    evaluation_due_at = models.DateTimeField(default=timezone.now, null=True, blank=True)
    evaluation_attempts = models.PositiveSmallIntegerField(default=0)
    evaluated_at = models.DateTimeField(null=True, blank=True)
    not_judged = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",  # processes from before the column go on taking pictures while it is added
        help_text="Why it was to be kept without being judged, from the start.",
    )
    usable = models.BooleanField(null=True, help_text="Whether the picture can be judged at all.")
    verdict = models.CharField(max_length=10, choices=State, null=True, blank=True)  # noqa: DJ001
    score = models.FloatField(null=True, blank=True)
    reason = models.TextField(blank=True)
    definition = models.ForeignKey(
        Definition, null=True, blank=True, on_delete=models.PROTECT, related_name="captures", db_index=False
    )

    unscoped = CaptureQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "record_id"], name="captures_capture_record_once"),
            # What was imported without its picture is told apart by its record id alone.
            models.UniqueConstraint(
                fields=["device", "captured_at", "sha256"],
                condition=~models.Q(sha256=""),
                name="captures_capture_kept_picture_once",
            ),
            models.UniqueConstraint(
                fields=["storage_key"],
                condition=~models.Q(storage_key=""),
                name="captures_capture_picture_key_once",
            ),
            models.UniqueConstraint(fields=["id", "org"], name="captures_capture_id_and_organization"),
            models.CheckConstraint(
                condition=models.Q(verdict=None) | models.Q(evaluation_status=EvaluationStatus.COMPLETED),
                name="captures_capture_verdict_only_when_completed",
            ),
            models.CheckConstraint(
                condition=models.Q(evaluation_status__in=EvaluationStatus.values),
                name="captures_capture_status_is_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(storage_key="")
                | (models.Q(byte_size=0, sha256="") & ~models.Q(evaluation_status__in=UNSETTLED)),
                name="captures_capture_without_picture_is_settled",
            ),
        ]
        indexes = [
            # The timeline of an organization, of a camera, and of one verdict.
            models.Index(fields=["org", "-captured_at", "-id"], name="captures_capture_org_time"),
            models.Index(fields=["device", "-captured_at", "-id"], name="captures_capture_device_time"),
            models.Index(fields=["org", "verdict", "-captured_at", "-id"], name="captures_capture_verdict_time"),
            # What links show, behind however many newer pictures that are not judged, or came without being kept.
            models.Index(
                fields=["device", "-captured_at", "-id"],
                condition=models.Q(verdict__isnull=False) & ~models.Q(storage_key=""),
                name="captures_capture_judged_time",
            ),
            # What the workers claim next.
            models.Index(
                fields=["evaluation_due_at"],
                condition=models.Q(evaluation_status__in=UNSETTLED),
                name="captures_capture_due",
            ),
        ]

    def __str__(self) -> str:
        return self.record_id

    @property
    def is_unsettled(self) -> bool:
        """Whether a verdict, or the end of trying for one, is still to come."""
        return self.evaluation_status in UNSETTLED
