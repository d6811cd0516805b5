from datetime import datetime

from django.db import models
from django.utils import timezone

from orgs.models.organizations import AccessLimits, Role
from orgs.models.users import User
from orgs.tenancy import Row, TenantModel


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open_at(self, moment: datetime) -> "InvitationQuerySet":
        """Those that can still be accepted."""
        return self.unanswered().filter(expires_at__gt=moment)

    def unanswered(self) -> "InvitationQuerySet":
        """Those that somebody may still care about: open, or expired without an answer."""
        return self.filter(accepted_at=None, revoked_at=None, replaced_at=None)

    def newest_first(self) -> "InvitationQuerySet":
        return self.order_by("-pk")


class Invitation(Row, AccessLimits, TenantModel):
    """An offer to become a member, with the role and the limits it brings. Its token is kept as a digest only."""

    email = models.EmailField(
        "e-mail address", blank=True, help_text="Only this person can accept; empty: whoever has the link, once."
    )
    role = models.CharField(
        max_length=10, choices=[(role.value, role.label) for role in Role if role != Role.OWNER]
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_at = models.DateTimeField(null=True, blank=True, help_text="Sent again since, with another link.")

    unscoped = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=[role for role in Role if role != Role.OWNER]),
                name="orgs_invitation_role_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[Role.MEMBER, Role.VIEWER])
                | models.Q(camera_ids__isnull=True, history_from=None),
                name="orgs_invitation_admin_sees_everything",
                violation_error_message="Admins see everything; only members and viewers are limited.",
            ),
        ]
        indexes = [
            # The invitations that wait for a person, of whatever organization.
            models.Index(
                fields=["email"],
                condition=models.Q(accepted_at=None, revoked_at=None, replaced_at=None),
                name="orgs_invitation_open_email",
            )
        ]

    def __str__(self) -> str:
        return self.email or "by link"

    @property
    def state(self) -> str:
        """``accepted``, ``revoked``, ``replaced``, ``expired`` or ``open``, as of now."""
        for word in ("accepted", "revoked", "replaced"):
            if getattr(self, f"{word}_at") is not None:
                return word
        return "expired" if self.expires_at <= timezone.now() else "open"


class OwnershipTransferQuerySet(models.QuerySet["OwnershipTransfer"]):
    def pending(self) -> "OwnershipTransferQuerySet":
        return self.filter(accepted_at=None, cancelled_at=None)


class OwnershipTransfer(Row, TenantModel):
    """An owner's offer to hand the organization over; it is done when the receiver accepts."""

    from_user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    to_user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True, help_text="Taken back, or declined.")

    unscoped = OwnershipTransferQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org"],
                condition=models.Q(accepted_at=None, cancelled_at=None),
                name="orgs_transfer_one_pending",
                violation_error_message="Another transfer is waiting to be accepted.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.org}: from {self.from_user} to {self.to_user}"
