import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import models
from django.utils import timezone

from orgs.tenancy import Row, TenantModel

# A person's name with the address in brackets, each as long as can be.
LONGEST_NAME = 460


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def newest_first(self) -> "AuditQuerySet":
        return self.order_by("-at", "-pk")

    def matching(
        self,
        *,
        person: str = "",
        actions: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        device_id: uuid.UUID | None = None,
    ) -> "AuditQuerySet":
        """Narrow by camera, by ``since`` ≤ at < ``until``, by the words before the dot of the action, and by part
        of the name or address of who did it or to whom."""
        found = self
        if device_id:
            found = found.filter(device_id=device_id)
        if since:
            found = found.filter(at__gte=since)
        if until:
            found = found.filter(at__lt=until)
        if actions:
            begins = [models.Q(action__startswith=f"{word}.") for word in actions]
            found = found.filter(reduce(or_, begins))
        if person:
            found = found.filter(models.Q(actor_name__icontains=person) | models.Q(target_name__icontains=person))
        return found


class AuditEntry(Row, TenantModel):
    """Who changed what, when and from where. The database refuses to change or delete one.

    Actor and target are named by kind and id, without a foreign key, and by the name they had: the entry must
    outlive them as it is.
    """

    # A row that may not be deleted cannot go with its organization.
    org = models.ForeignKey(
        "orgs.Organization", on_delete=models.PROTECT, related_name="%(class)ss", db_index=False
    )
    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=60, help_text="Like membership.removed.")
    actor_kind = models.CharField(max_length=30, help_text="user, device, or system.")
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=LONGEST_NAME)
    target_kind = models.CharField(max_length=30)
    target_id = models.CharField(max_length=60)
    target_name = models.CharField(max_length=LONGEST_NAME)
    device_id = models.UUIDField(null=True, help_text="The camera it is about, if it is about one.")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    unscoped = AuditQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # The log of an organization, and that of one camera.
            models.Index(fields=["org", "-at", "-id"], name="orgs_audit_org_at"),
            models.Index(fields=["device_id", "-at", "-id"], name="orgs_audit_device_at"),
            # What an operator looks for across organizations.
            models.Index(fields=["actor_id"], name="orgs_audit_actor"),
            models.Index(fields=["request_id"], name="orgs_audit_request"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.target_name}"
