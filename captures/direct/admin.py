"""What cameras have begun to put into the bucket, as operators see it."""

from django.contrib import admin

from captures.direct.models import PendingUpload
from orgs.readonly import ArchiveAdmin


@admin.register(PendingUpload)
class PendingUploadAdmin(ArchiveAdmin):
    list_display = ("created_at", "record_id", "device", "org", "captured_at", "byte_size")
    list_filter = ("created_at",)
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("record_id", "org__slug")
    search_help_text = "Record id, slug of the organization, or id of upload, camera or organization"
    fields = ("id", *(field.name for field in PendingUpload._meta.fields if field.name != "id"))
