"""Offers to become a member, and to become the owner. They are made and ended by their organization."""

from django.contrib import admin

from orgs.models import Invitation, OwnershipTransfer
from orgs.readonly import ReadOnlyAdmin


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "org", "role", "state", "created_by", "created_at", "expires_at")
    list_filter = ("role", "expires_at", ("accepted_at", admin.EmptyFieldListFilter))
    list_select_related = ("org", "created_by")
    search_fields = ("email", "org__slug", "org__name", "created_by__email")
    search_help_text = "E-mail address of who is invited or invites, slug or name of the organization"
    ordering = ("-pk",)
    # Not the digest: nobody needs to see what only a machine compares.
    fields = (
        "id",
        "org",
        "email",
        "role",
        "state",
        "camera_ids",
        "history_from",
        "valid_until",
        "created_by",
        "created_at",
        "expires_at",
        "accepted_at",
        "accepted_by",
        "revoked_at",
        "replaced_at",
    )


@admin.register(OwnershipTransfer)
class OwnershipTransferAdmin(ReadOnlyAdmin):
    list_display = ("org", "from_user", "to_user", "created_at", "accepted_at", "cancelled_at")
    list_filter = (("accepted_at", admin.EmptyFieldListFilter), ("cancelled_at", admin.EmptyFieldListFilter))
    list_select_related = ("org", "from_user", "to_user")
    search_fields = ("org__slug", "org__name", "from_user__email", "to_user__email")
    search_help_text = "Slug or name of the organization, e-mail address of giver or receiver"
    ordering = ("-pk",)
    fields = ("id", "org", "from_user", "to_user", "created_at", "accepted_at", "cancelled_at")
