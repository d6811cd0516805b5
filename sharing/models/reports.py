from django.db import models
from django.utils import timezone

from orgs.tenancy import Row, TenantModel
from sharing.models.links import ShareLink

LONGEST_REPORT = 2000


class ReportReason(models.TextChoices):
    PRIVACY = "privacy", "It shows me or my home without my consent"
    OFFENSIVE = "offensive", "It is offensive or unlawful"
    DECEPTIVE = "deceptive", "It pretends to be something else"
    OTHER = "other", "Something else"


class LinkReport(Row, TenantModel):
    """What a visitor told the operator of a page. No address is kept but the one they gave to be answered."""

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="link_reports")
    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="reports")
    reason = models.CharField(max_length=10, choices=ReportReason)
    text = models.TextField(max_length=LONGEST_REPORT, blank=True)
    email = models.EmailField("e-mail address for an answer", blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When an operator was done with it.")

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reason__in=ReportReason.values), name="sharing_linkreport_reason_is_known"
            )
        ]
        indexes = [
            # What operators have still to look at.
            models.Index(
                fields=["created_at"], condition=models.Q(settled_at=None), name="sharing_linkreport_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.link})"
