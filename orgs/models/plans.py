from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from orgs.models.users import User
from orgs.tenancy import Row, TenantModel


class MonthlyUsage(TenantModel):
    """What an organization used in one month (UTC): a row for each organization and month."""

    month = models.DateField(help_text="The first day of the month.")
    pictures = models.PositiveBigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0, help_text="Taken in; what is deleted later is subtracted.")
    evaluations = models.PositiveBigIntegerField(default=0)

    unscoped = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "month"], name="orgs_monthlyusage_once_a_month")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class Limit(models.TextChoices):
    """What a plan limits."""

    CAMERAS = "cameras", "cameras"
    BYTES = "bytes", "stored bytes"
    EVALUATIONS = "evaluations", "evaluations a month"
    TRIAL = "trial", "trial"


class LimitWarning(TenantModel):
    """An organization was told that it is near a limit: once for each limit, period and level."""

    limit = models.CharField(max_length=12, choices=Limit)
    period = models.DateField(help_text="The month it is about; for the trial, the day it ends.")
    percent = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "limit", "period", "percent"], name="orgs_limitwarning_once")
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.get_limit_display()}"


class ActivationCode(Row):
    """What an operator hands out and an owner redeems: camera slots, months, a longer trial."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    pepper_id = models.PositiveSmallIntegerField(editable=False)
    hint = models.CharField("begins with", max_length=12, editable=False)
    note = models.CharField(max_length=200, blank=True)
    device_slots = models.PositiveIntegerField("camera slots", default=0)
    free_months = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(120)])
    trial_days = models.PositiveSmallIntegerField("days of trial", default=0)
    max_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0, editable=False)
    valid_until = models.DateTimeField(null=True, blank=True)
    email_domains = models.JSONField(
        default=list, blank=True, help_text="Only people with an address of these domains; empty: anybody."
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(uses__lte=models.F("max_uses")), name="orgs_activationcode_not_overused"
            ),
            models.CheckConstraint(
                condition=models.Q(device_slots__gt=0) | models.Q(free_months__gt=0) | models.Q(trial_days__gt=0),
                name="orgs_activationcode_gives_something",
                violation_error_message="A code must give something: camera slots, months or days of trial.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hint}…"


class Redemption(Row, TenantModel):
    code = models.ForeignKey(ActivationCode, on_delete=models.PROTECT, related_name="redemptions")
    redeemed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["code", "org"],
                name="orgs_redemption_once_per_organization",
                violation_error_message="Your organization has redeemed this code already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} by {self.org}"
