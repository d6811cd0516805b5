from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from visant.models import Backup


@admin.register(Backup)
class BackupAdmin(admin.ModelAdmin):
    """What commands have done; nothing is done here."""

    list_display = ("folder", "made_at", "rows", "files", "bytes", "problems", "verified_at", "verify_problems")
    ordering = ("-made_at",)
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
