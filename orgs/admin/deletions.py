"""Organizations that are to be deleted, and the receipts of those that were."""

import json

from django.contrib import admin

from orgs.models import Deletion
from orgs.readonly import ArchiveAdmin


@admin.register(Deletion)
class DeletionAdmin(ArchiveAdmin):
    list_display = ("organization_id", "asked_at", "due_at", "taken_back_at", "begun_at", "finished_at", "files")
    list_filter = ("finished_at",)
    ids = ("pk", "organization_id")
    texts = ()
    search_help_text = "Id of the organization, or of the deletion"
    fields = ("id", *(field.name for field in Deletion._meta.fields if field.name != "id"), "signed_receipt")
    readonly_fields = ("signed_receipt",)

    @admin.display(description="receipt")
    def signed_receipt(self, deletion: Deletion) -> str:
        return json.dumps(deletion.receipt, indent=2)
