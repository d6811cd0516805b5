"""The first wall between organizations: the wrong query is not discouraged, it does not exist."""

from django.db import models

from orgs.ids import uuid7


class Row(models.Model):
    """A row with a public, time-ordered id."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class TenantModel(models.Model):
    """A row that belongs to exactly one organization.

    It is reached from its organization (``org.captures``) or from a row reached that way. Each model calls its
    manager ``unscoped``; there is no ``objects``, on purpose.
    """

    org = models.ForeignKey("orgs.Organization", on_delete=models.CASCADE, related_name="%(class)ss")

    class Meta:
        abstract = True
