"""Cameras and keys are added by ``devices/services/`` (``manage.py add_device``), never here: a camera counts
towards its organization's limit, and a key's text exists only at the moment it is made."""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from devices.health import Condition, Truth, condition_of, with_condition
from devices.models import Device, DeviceKey, DeviceKeyUsage, DeviceQuerySet, DeviceStatus, ServiceBreak
from devices.services.keys import revoke_key
from orgs.models import User
from orgs.readonly import AccessKeyAdmin, ArchiveAdmin, ReadOnlyAdmin, ReadOnlyInline

LIGHTS = ("condition", "reachable", "delivering", "usable")


class BreakInline(ReadOnlyInline):
    """When the camera was suspended or retired, the newest first."""

    model = ServiceBreak
    fields = ("began_at", "ended_at")
    ordering = ("-began_at",)


@admin.register(ServiceBreak)
class ServiceBreakAdmin(ArchiveAdmin):
    list_display = ("began_at", "ended_at", "device", "org")
    list_filter = ("began_at",)
    list_select_related = ("device", "org")
    ids = ("pk", "device", "org")
    texts = ("org__slug",)
    search_help_text = "Slug of the organization, or id of camera or organization"
    fields = ("id", *list_display)


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    list_display = ("name", "org", "condition", "status__last_seen_at", "status__version", "created_at")
    list_filter = ("status__last_seen_at", "created_at")
    list_select_related = ("org", "status")
    search_fields = ("name", "id", "keys__prefix", "installations__unit__serial", "org__slug", "org__name")
    search_help_text = (
        "Name or id of the camera, prefix of its key, serial of its hardware, slug or name of its organization"
    )
    ordering = ("-pk",)
    fields = (
        "id",
        "org",
        "name",
        "state",
        "created_at",
        "suspended_at",
        "retired_at",
        "installation",
        "status",
        *LIGHTS,
    )
    readonly_fields = ("state", "installation", "status", *LIGHTS)
    inlines = (BreakInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        return with_condition(cast(DeviceQuerySet, super().get_queryset(request)))

    @admin.display(description="condition")
    def condition(self, device: Device) -> str:
        return _in_words(condition_of(device, timezone.now()))

    @admin.display(description="reachable")
    def reachable(self, device: Device) -> str:
        return _in_words(condition_of(device, timezone.now()).reachable)

    @admin.display(description="delivering")
    def delivering(self, device: Device) -> str:
        return _in_words(condition_of(device, timezone.now()).delivering)

    @admin.display(description="picture usable")
    def usable(self, device: Device) -> str:
        return _in_words(condition_of(device, timezone.now()).usable)


def _in_words(one: Condition | Truth) -> str:
    return f"{one.state}: {one.sentence}" if one.sentence else str(one.state)


@admin.register(DeviceKey)
class DeviceKeyAdmin(AccessKeyAdmin):
    list_display = ("prefix", "device", "org", "state", "created_at", "expires_at", "last_used_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at")
    list_select_related = ("device", "org")
    search_fields = ("prefix", "device__name", "device__id", "org__slug")
    search_help_text = "Prefix of the key, name or id of its camera, slug of the organization"
    fields = ("id", "org", "device", *AccessKeyAdmin.of_each_key)

    def revoke_one(self, key: DeviceKey, *, acting_user: User) -> None:
        revoke_key(key=key, acting_user=acting_user)


@admin.register(DeviceKeyUsage)
class DeviceKeyUsageAdmin(ArchiveAdmin):
    list_display = ("day", "key", "org", "requests", "pictures", "bytes")
    list_filter = ("day",)
    list_select_related = ("key", "org")
    ids = ("key", "key__device", "org")
    texts = ("key__prefix", "org__slug")
    search_help_text = "Prefix or id of the key, id of its camera, slug or id of the organization"
    fields = list_display


@admin.register(DeviceStatus)
class DeviceStatusAdmin(ReadOnlyAdmin):
    list_display = ("device", "org", "last_seen_at", "last_seen_from", "delivery", "usable", "version")
    list_filter = ("last_seen_at", "delivery", "usable")
    list_select_related = ("device", "org")
    search_fields = ("device__name", "device__id", "org__slug", "version")
    search_help_text = "Name or id of the camera, slug of the organization, version"
    ordering = ("-pk",)
    fields = (
        "device",
        "org",
        "last_seen_at",
        "last_seen_from",
        "seen_since",
        "listened_at",
        "version",
        "heartbeat_at",
        "health",
        "fetched_version",
        "reported_version",
        "reported_at",
        "reported_configuration",
        "delivery",
        "delivery_since",
        "delivery_checked_at",
        "last_received_at",
        "usable",
        "usable_since",
        "usable_seen_at",
        "usable_reason",
    )
