"""How often links were opened, by days; nothing of who opened them, neither salt nor hash."""

from django.contrib import admin

from orgs.readonly import ArchiveAdmin
from sharing.models import LinkDay, LinkVisit


@admin.register(LinkDay)
class LinkDayAdmin(ArchiveAdmin):
    list_display = ("day", "link", "org", "views", "visitors", "refused_passwords")
    list_filter = ("day",)
    list_select_related = ("link", "org")
    ids = ("pk", "link", "org")
    texts = ("org__slug",)
    search_help_text = "Id of the link or the organization, or its slug"
    fields = ("id", "link", "org", "day", "views", "visitors", "refused_passwords")


@admin.register(LinkVisit)
class LinkVisitAdmin(ArchiveAdmin):
    list_display = ("counted_at", "link", "org")
    list_filter = ("counted_at",)
    list_select_related = ("link", "org")
    ids = ("pk", "link", "org")
    texts = ("org__slug",)
    search_help_text = "Id of the link or the organization, or its slug"
    fields = ("id", "link", "org", "day", "counted_at")
