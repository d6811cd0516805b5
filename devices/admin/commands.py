"""What cameras were told, as operators see it. People ask for pictures on the pages and by the API, not here."""

from django.contrib import admin

from devices.models import Command
from orgs.readonly import ArchiveAdmin


@admin.register(Command)
class CommandAdmin(ArchiveAdmin):
    list_display = ("trigger_id", "device", "org", "trigger_type", "status", "created_at", "sent_at", "closed_at")
    list_filter = ("status", "created_at")
    list_select_related = ("device", "org")
    ids = ("id", "device", "org")
    texts = ("trigger_id", "org__slug")
    search_help_text = "Trigger id, id of the command, id of its camera, slug or id of the organization"
    fields = (
        "id",
        "org",
        "device",
        "kind",
        "trigger_id",
        "trigger_type",
        "parameters",
        "status",
        "reason",
        "schedule",
        "due_at",
        "created_at",
        "created_by",
        "sent_at",
        "closed_at",
        "expires_at",
    )
