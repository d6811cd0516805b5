from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from captures.models import Capture
from devices.models import Device
from orgs.tenancy import Row, TenantModel

# So much of a token tells which link is meant and opens nothing.
TOKEN_SHOWN = 6


class LinkKind(models.TextChoices):
    """What a link shows: all pictures of a camera, one picture, or those of a camera between two moments."""

    DEVICE = "device"
    CAPTURE = "capture"
    RANGE = "range"


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open_at(self, moment: datetime) -> "ShareLinkQuerySet":
        """Those that still show something to whoever holds them."""
        in_time = Q(expires_at=None) | Q(expires_at__gt=moment)
        views_left = Q(max_views=None) | Q(view_count__lt=F("max_views"))
        return self.filter(in_time, views_left, revoked_at=None)


class ShareLink(Row, TenantModel):
    """Lets whoever has its token look at pictures of a camera. The token is kept, for the link can be shown again.

    A range begins with ``range_from`` and ends before ``range_until``. Without ``expires_at`` it is open until it
    is revoked, without ``max_views`` however often it is opened; an empty ``password_hash`` asks for no password.
    """

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="share_links")
    token = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=10, choices=LinkKind)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="share_links")
    capture = models.ForeignKey(
        Capture, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links"
    )
    range_from = models.DateTimeField(null=True, blank=True)
    range_until = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    password_hash = models.CharField(max_length=255, blank=True)
    max_views = models.PositiveIntegerField(null=True, blank=True)
    view_count = models.PositiveIntegerField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)
    download_allowed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    unscoped = ShareLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "org"], name="sharing_sharelink_id_and_organization"),
            models.CheckConstraint(
                condition=Q(kind=LinkKind.DEVICE, capture=None, range_from=None, range_until=None)
                | Q(kind=LinkKind.CAPTURE, capture__isnull=False, range_from=None, range_until=None)
                # Without a moment the comparison is neither true nor false, and what is not false would do.
                | Q(
                    kind=LinkKind.RANGE,
                    capture=None,
                    range_from__isnull=False,
                    range_until__isnull=False,
                    range_from__lt=F("range_until"),
                ),
                name="sharing_sharelink_has_what_its_kind_shows",
            ),
        ]
        indexes = [
            # The links whose time is up.
            models.Index(fields=["expires_at"], name="sharing_sharelink_expiring"),
        ]

    def __str__(self) -> str:
        return f"{self.token[:TOKEN_SHOWN]}…"

    @property
    def state(self) -> str:
        """``revoked``, ``expired``, ``used up`` or ``open``, as of now."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "used up" if self.max_views is not None and self.view_count >= self.max_views else "open"
