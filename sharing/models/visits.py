import secrets
import uuid

from django.db import models

from orgs.tenancy import Row, TenantModel
from sharing.models.links import ShareLink

SALT_BYTES = 16


def new_salt() -> str:
    return secrets.token_hex(SALT_BYTES)


class LinkDay(Row, TenantModel):
    """What happened to a link on a day of its organization's clock.

    ``visitors`` are told apart by a hash with the day's own ``salt``, which is emptied when the day is over: then
    nobody can tell any more who they were.
    """

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="link_days")
    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    views = models.PositiveIntegerField(default=0)
    visitors = models.PositiveIntegerField(default=0)
    refused_passwords = models.PositiveIntegerField(default=0)
    salt = models.CharField(max_length=2 * SALT_BYTES, blank=True, default=new_salt, editable=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "day"], name="sharing_linkday_once")]
        indexes = [
            # The days whose salt is to be forgotten.
            models.Index(fields=["day"], condition=~models.Q(salt=""), name="sharing_linkday_salted")
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class LinkVisit(TenantModel):
    """A view that was counted: by its row one visit is never counted twice. Forgotten once the visit has ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="link_visits")
    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="visits", db_index=False)
    day = models.DateField()
    visitor = models.CharField(max_length=64, help_text="The day's salted hash of who it was.")
    counted_at = models.DateTimeField()

    unscoped = models.Manager()

    class Meta:
        indexes = [
            # Whether a visitor of a link was here today.
            models.Index(fields=["link", "day", "visitor"], name="sharing_linkvisit_visitor"),
            # Those that are forgotten.
            models.Index(fields=["counted_at"], name="sharing_linkvisit_time"),
        ]

    def __str__(self) -> str:
        return f"visit on {self.day:%Y-%m-%d}"
