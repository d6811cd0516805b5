from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.utils import timezone

from captures.models import Capture
from devices.models import Device
from orgs.tenancy import Row, TenantModel

# So much of a token tells which link is meant and opens nothing.
TOKEN_SHOWN = 6
# A year: who waits longer shares a span of days instead.
LONGEST_DELAY_HOURS = 366 * 24


class LinkKind(models.TextChoices):
    """What a link shows: all pictures of a camera, one, those between two moments, or always the newest."""

    DEVICE = "device"
    CAPTURE = "capture"
    RANGE = "range"
    LATEST = "latest"


class Sampling(models.TextChoices):
    """How many of a camera's pictures a link shows: all, or the first of each hour or day of its clock."""

    ALL = "all", "all of them"
    HOURLY = "hourly", "one of each hour"
    DAILY = "daily", "one of each day"


class LinkState(models.TextChoices):
    """Whether a link opens, or why it does not. The first that is true of it, from below up, counts."""

    OPEN = "open"
    USED_UP = "used_up", "used up"
    EXPIRED = "expired"
    # Who made it has no right to share it any more.
    MAKER_GONE = "maker_gone", "ended with its maker's right"
    # The organization lets none of its links open.
    SWITCHED_OFF = "switched_off", "switched off"
    SUSPENDED = "suspended", "suspended by the operator"
    REVOKED = "revoked"


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def in_force_at(self, moment: datetime) -> "ShareLinkQuerySet":
        """Those neither taken back nor suspended nor over. Of one that is used up, visitors may still be there."""
        in_time = Q(expires_at=None) | Q(expires_at__gt=moment)
        return self.filter(in_time, revoked_at=None, suspended_at=None)

    def open_at(self, moment: datetime) -> "ShareLinkQuerySet":
        """Those that still show something to whoever holds them."""
        views_left = Q(max_views=None) | Q(view_count__lt=F("max_views"))
        return self.in_force_at(moment).filter(views_left)

    def with_token(self, token: str) -> "ShareLinkQuerySet":
        """The link of that token. PostgreSQL cannot even ask for a NUL; no token holds one."""
        return self.none() if "\0" in token else self.filter(token=token)


class ShareLink(Row, TenantModel):
    """Lets whoever has its token look at pictures of a camera. The token is kept, for the link can be shown again.

    A range begins with ``range_from`` and ends before ``range_until``. Without ``expires_at`` it is open until it
    is revoked, without ``max_views`` however often it is opened; an empty ``password_hash`` asks for no password.
    It ends with the right to share of who made it: one whose maker is not known opens only when it came
    ``without_maker``, from an earlier system.
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
    note = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="What it is for; only members see it."
    )
    delay_hours = models.PositiveIntegerField(
        "delay in hours",
        default=0,
        db_default=0,
        validators=[MaxValueValidator(LONGEST_DELAY_HOURS)],
        help_text="Only pictures older than this are shown.",
    )
    sampling = models.CharField(
        "pictures", max_length=10, choices=Sampling, default=Sampling.ALL, db_default=Sampling.ALL
    )
    verdict_shown = models.BooleanField(
        "verdicts and reasons are shown",
        default=True,
        db_default=True,
        help_text="Off: visitors see pictures and moments only.",
    )
    picture_in_preview = models.BooleanField(
        "picture in link previews",
        default=False,
        db_default=False,
        help_text="Whether messengers that preview the link get its newest picture; not where it has a password "
        "or a limit of views.",
    )
    embed_origins = models.JSONField(
        "sites that may embed it",
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="Origins, as https://www.example.org; empty: none.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True, help_text="The operator stopped it.")
    password_hash = models.CharField(max_length=255, blank=True)
    max_views = models.PositiveIntegerField(null=True, blank=True)
    view_count = models.PositiveIntegerField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)
    download_allowed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    without_maker = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="It came from an earlier system, with nobody who made it.",
    )

    unscoped = ShareLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "org"], name="sharing_sharelink_id_and_organization"),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[LinkKind.DEVICE, LinkKind.LATEST], capture=None, range_from=None, range_until=None
                )
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
            models.CheckConstraint(
                condition=Q(sampling__in=Sampling.values), name="sharing_sharelink_sampling_is_known"
            ),
        ]
        indexes = [
            # The list of an organization's links, and of those that a member made.
            models.Index(fields=["org", "-created_at", "-id"], name="sharing_sharelink_org_time"),
            models.Index(fields=["org", "created_by", "-created_at", "-id"], name="sharing_sharelink_maker_time"),
            # The links that are in force, beside however many that have ended.
            models.Index(
                fields=["org", "expires_at"],
                condition=Q(revoked_at=None, suspended_at=None),
                name="sharing_sharelink_in_force",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.token[:TOKEN_SHOWN]}…"

    @property
    def has_limited_views(self) -> bool:
        return self.max_views is not None

    @property
    def previews_picture(self) -> bool:
        """Whether programs that preview the link get a picture: not where people need a password, or a view."""
        return self.picture_in_preview and not self.password_hash and not self.has_limited_views
