"""How long organizations keep pictures, what was foreseen, what is remembered of deleted ones: to look at."""

from django.contrib import admin

from captures.retention.models import DeletedCapture, Forecast, RetentionPolicy
from orgs.readonly import ArchiveAdmin, ReadOnlyAdmin


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ReadOnlyAdmin):
    """Said by the organization itself; what its plan keeps at most stands on the organization's page."""

    list_display = (
        "org",
        "device",
        "days",
        "bytes",
        "all_days",
        "hourly_days",
        "hold",
        "changed_by",
        "changed_at",
    )
    list_filter = ("hold", "changed_at")
    list_select_related = ("org", "device", "changed_by")
    search_fields = ("org__slug", "device__name", "device__id")
    search_help_text = "Slug of the organization, name or id of the camera"
    ordering = ("-pk",)
    fields = ("id", *(field.name for field in RetentionPolicy._meta.fields if field.name != "id"))


@admin.register(Forecast)
class ForecastAdmin(ArchiveAdmin):
    """What rules would delete, where workers count it: asked for by pages and programs, forgotten after a day."""

    list_display = ("asked_at", "org", "at", "state", "pictures", "bytes", "attempts", "error")
    list_select_related = ("org",)
    ids = ("pk", "org")
    texts = ("org__slug",)
    search_help_text = "Slug of the organization, or id of it or of the forecast"
    fields = ("id", *(field.name for field in Forecast._meta.fields if field.name != "id"))


@admin.register(DeletedCapture)
class DeletedCaptureAdmin(ArchiveAdmin):
    """Known for 400 days, those that people deleted for ever, so that no late copy comes back."""

    list_display = ("record_id", "device", "org", "captured_at", "deleted_by", "deleted_at")
    list_filter = ("deleted_by",)
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("record_id", "org__slug")
    search_help_text = "Record id, slug of the organization, or id of capture, camera or organization"
    fields = tuple(field.name for field in DeletedCapture._meta.fields)
