from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from captures.evaluation.regions import parse_polygons
from orgs.tenancy import Row, TenantModel


class State(models.TextChoices):
    """What a picture was found to be. No state: not judged, or not judged yet."""

    NORMAL = "normal"
    ABNORMAL = "abnormal"
    UNCERTAIN = "uncertain"


def validate_polygons(value: object) -> None:
    try:
        parse_polygons(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class Definition(Row, TenantModel):
    """What is normal for a camera. A change makes a new version; one that was used stays as it was."""

    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="definitions")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True, max_length=4000)
    regions = models.JSONField(default=list, blank=True, validators=[validate_polygons])
    ignore_regions = models.JSONField(default=list, blank=True, validators=[validate_polygons])
    references_from = models.DateTimeField(
        null=True, blank=True, help_text="Only pictures taken from here on serve as references."
    )
    active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "version"], name="captures_definition_version_once"),
            models.UniqueConstraint(fields=["id", "org"], name="captures_definition_id_and_organization"),
            models.UniqueConstraint(
                fields=["device"], condition=models.Q(active=True), name="captures_definition_one_active"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Evaluation(Row, TenantModel):
    """One call of one evaluator on one picture: what it said, or how it failed, and what it took."""

    capture = models.ForeignKey("captures.Capture", on_delete=models.CASCADE, related_name="evaluations")
    definition = models.ForeignKey(Definition, null=True, on_delete=models.PROTECT, related_name="evaluations")
    attempt = models.PositiveSmallIntegerField()
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=120)
    verdict = models.CharField(max_length=10, choices=State, null=True)  # noqa: DJ001 - no verdict is not a text
    score = models.FloatField(null=True)
    reason = models.TextField(blank=True)
    boxes = models.JSONField(default=list, blank=True)
    details = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    latency_ms = models.PositiveIntegerField(default=0)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    node_type = models.CharField(max_length=60, blank=True)
    region = models.CharField(max_length=60, blank=True)
    energy_kwh = models.FloatField(null=True)
    water_l = models.FloatField(null=True)
    co2_g = models.FloatField(null=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["capture", "attempt", "provider"], name="captures_evaluation_once_an_attempt"
            ),
            models.CheckConstraint(
                condition=models.Q(error="") ^ models.Q(verdict=None),
                name="captures_evaluation_error_is_no_verdict",
            ),
        ]
        # Usage of an organization over time.
        indexes = [models.Index(fields=["org", "at"], name="captures_evaluation_org_at")]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}: {self.verdict or 'failed'}"


class Label(Row, TenantModel):
    """What a person says a picture is. A picture labelled normal is a reference of its camera."""

    capture = models.OneToOneField("captures.Capture", on_delete=models.CASCADE, related_name="label")
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="labels", db_index=False)
    verdict = models.CharField(max_length=10, choices=[(s.value, s.label) for s in (State.NORMAL, State.ABNORMAL)])
    reference = models.BooleanField(default=False, help_text="The camera's pictures are compared with this one.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(verdict__in=[State.NORMAL, State.ABNORMAL]),
                name="captures_label_verdict_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(reference=False) | models.Q(verdict=State.NORMAL),
                name="captures_label_reference_is_normal",
                violation_error_message="Only a normal picture can be a reference.",
            ),
        ]
        indexes = [
            # The references of a camera, newest first.
            models.Index(
                fields=["device", "-id"],
                condition=models.Q(reference=True),
                name="captures_label_references",
            )
        ]

    def __str__(self) -> str:
        return self.verdict
