"""What organizations let their members share, to look at."""

from django.contrib import admin

from orgs.readonly import ReadOnlyAdmin
from sharing.models import SharingPolicy


@admin.register(SharingPolicy)
class SharingPolicyAdmin(ReadOnlyAdmin):
    list_display = ("org", "enabled", "longest_days", "smallest_role", "contact")
    list_filter = ("enabled", "smallest_role")
    list_select_related = ("org",)
    search_fields = ("org__slug", "org__name", "contact")
    search_help_text = "Name or slug of the organization, or how it is reached"
    ordering = ("-pk",)
    fields = ("id", *(field.name for field in SharingPolicy._meta.fields if field.name != "id"))
