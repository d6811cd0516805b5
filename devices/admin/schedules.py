"""Schedules and their rules, read-only: each change of a rule ends one and makes another."""

from django.contrib import admin
from visant_camera.schedule import RULE_FIELDS

from devices.models import Schedule, ScheduleRule
from orgs.readonly import ReadOnlyAdmin, ReadOnlyInline

HELD = ("valid_from", "valid_until")


class RuleInline(ReadOnlyInline):
    """The rules it had, the newest first."""

    model = ScheduleRule
    fields = (*RULE_FIELDS, *HELD)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ("label", "device", "org", "enabled", "next_run_at", "last_run_at", "removed_at")
    list_filter = ("enabled", ("removed_at", admin.EmptyFieldListFilter), "next_run_at")
    list_select_related = ("device", "org")
    search_fields = ("label", "device__name", "device__id", "id", "org__slug")
    search_help_text = "Label or id of the schedule, name or id of its camera, slug of the organization"
    ordering = ("-pk",)
    fields = ("id", "org", "device", "label", "enabled", "next_run_at", "last_run_at", "created_at", "removed_at")
    inlines = (RuleInline,)


@admin.register(ScheduleRule)
class ScheduleRuleAdmin(ReadOnlyAdmin):
    list_display = ("schedule", "org", *RULE_FIELDS, *HELD)
    list_filter = (("valid_until", admin.EmptyFieldListFilter), "valid_from")
    list_select_related = ("schedule", "org")
    search_fields = ("schedule__label", "schedule__id", "schedule__device__id", "cron", "org__slug")
    search_help_text = "Label or id of the schedule, id of its camera, cron expression, slug of the organization"
    ordering = ("-pk",)
    fields = ("id", "org", "schedule", *RULE_FIELDS, *HELD)
