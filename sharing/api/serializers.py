"""What members' programs send of links, and what they get."""

from datetime import UTC, date, datetime
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orgs.absolute import absolute_url
from orgs.api.serializers.base import In, SecretField
from orgs.models import Role
from sharing.models import LinkState, Sampling, ShareLink, SharingPolicy
from sharing.models.links import LONGEST_DELAY_HOURS
from sharing.models.policies import MOST_DAYS
from sharing.qr import CORRECTIONS, DEFAULT_CORRECTION, DEFAULT_SIZE
from sharing.services.links import MOST_EMBED_ORIGINS, MOST_VIEWS, Never
from sharing.words import KINDS_BY_SHARE_TYPE, share_type_of


@extend_schema_field(OpenApiTypes.STR)
class DayOrMomentField(serializers.Field[date, str, str, Any]):
    """A day of the camera's clock, or a moment in ISO 8601; one without an offset is UTC."""

    default_error_messages = {
        "invalid": "Write a day like 2026-11-20, or a moment like 2026-11-20T08:30:00+01:00."
    }

    def to_internal_value(self, data: Any) -> date:
        try:
            found = (parse_date(data) or parse_datetime(data)) if isinstance(data, str) else None
            if isinstance(found, datetime):
                found = found if found.tzinfo else found.replace(tzinfo=UTC)
                found = found.astimezone(UTC)  # a year 1 or 9999 with an offset leaves the calendar
        except (ValueError, OverflowError):
            found = None
        if found is None:
            self.fail("invalid")
        return found

    def to_representation(self, value: date) -> str:
        return value.isoformat()


class TermsIn(In):
    """How a link shows what it shows. Without ``expires_in_days``, or with null, the default holds."""

    expires_in_days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_DAYS)
    never_expires = serializers.BooleanField(
        required=False, help_text="Only true, and only where the organization sets no longest life."
    )
    password = SecretField(required=False, allow_blank=True, allow_null=True)
    max_views = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_VIEWS)
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)
    download_allowed = serializers.BooleanField(required=False)
    delay_hours = serializers.IntegerField(required=False, min_value=0, max_value=LONGEST_DELAY_HOURS)
    sampling = serializers.ChoiceField(Sampling.choices, required=False)
    verdict_shown = serializers.BooleanField(required=False)
    picture_in_preview = serializers.BooleanField(
        required=False, help_text="Without effect where there is a password or a limit of views."
    )
    embed_origins = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=MOST_EMBED_ORIGINS
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        days = given.get("expires_in_days")
        if given.pop("never_expires", False):
            if days is not None:
                raise serializers.ValidationError("Send expires_in_days or never_expires, not both.")
            given["expires_in_days"] = Never
        return given


class ShareIn(TermsIn):
    """What of the camera in the address is shared, and how."""

    device_id = serializers.UUIDField(required=False, help_text="May be left out; else the camera in the address.")
    share_type = serializers.ChoiceField(list(KINDS_BY_SHARE_TYPE), default="device")
    capture_id = serializers.CharField(required=False, allow_null=True, max_length=200)
    start_date = DayOrMomentField(required=False, allow_null=True)
    end_date = DayOrMomentField(
        required=False, allow_null=True, help_text="Of a day all of it is shown; a moment is the first not shown."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        given = super().validate(given)
        given["password"] = given.get("password") or ""
        share_type = given["share_type"]
        for name, of in (("capture_id", "capture"), ("start_date", "date_range"), ("end_date", "date_range")):
            if (given.get(name) is not None) != (share_type == of):
                said = f"is needed with share_type {of}" if share_type == of else f"goes with share_type {of} only"
                raise serializers.ValidationError({name: f"This {said}."})
        return given


class ShareChangeIn(TermsIn):
    """What changes; an empty password takes it away. What a link shows is not changed: make another."""


class ShareOut(serializers.Serializer[ShareLink]):
    """A link as its members see it. A password is never told, only that there is one."""

    token = serializers.CharField()
    share_url = serializers.SerializerMethodField()
    device_id = serializers.UUIDField()
    share_type = serializers.SerializerMethodField()
    capture_id = serializers.UUIDField(allow_null=True)
    start_date = serializers.DateTimeField(source="range_from", allow_null=True)
    end_date = serializers.DateTimeField(source="range_until", allow_null=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(allow_null=True)
    state = serializers.SerializerMethodField()
    view_count = serializers.IntegerField()
    max_views = serializers.IntegerField(allow_null=True)
    last_viewed_at = serializers.DateTimeField(allow_null=True)
    has_password = serializers.SerializerMethodField()
    note = serializers.CharField()
    download_allowed = serializers.BooleanField()
    delay_hours = serializers.IntegerField()
    sampling = serializers.CharField()
    verdict_shown = serializers.BooleanField()
    picture_in_preview = serializers.BooleanField()
    embed_origins = serializers.ListField(child=serializers.CharField())

    def get_share_url(self, link: ShareLink) -> str:
        return absolute_url("share", link.token)

    def get_share_type(self, link: ShareLink) -> str:
        return share_type_of(link)

    def get_created_by(self, link: ShareLink) -> str | None:
        return link.created_by.email if link.created_by else None

    @extend_schema_field(serializers.ChoiceField(LinkState.choices))
    def get_state(self, link: ShareLink) -> str:
        return str(self.context["states"][link.pk])

    def get_has_password(self, link: ShareLink) -> bool:
        return bool(link.password_hash)


class LinksAsked(serializers.Serializer[Any]):
    """How a list of links is narrowed."""

    device_id = serializers.CharField(required=False)
    state = serializers.ChoiceField(LinkState.choices, required=False)
    q = serializers.CharField(
        required=False, max_length=200, help_text="In note, camera or maker; or as the token begins."
    )


class RevokeIn(In):
    """Whose links are taken back: of a camera, of a person, of both, or with ``all`` of the organization."""

    device_id = serializers.CharField(required=False)
    created_by = serializers.EmailField(required=False, help_text="The address of who made them.")
    all = serializers.BooleanField(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        narrowed = {"device_id", "created_by"} & set(given)
        # Not what else reads as true: it cannot be undone.
        is_all = self.initial_data.get("all") is True
        if bool(narrowed) == is_all:
            raise serializers.ValidationError("Name a camera, a person, or all: true; all goes with neither.")
        return given


class RevokedOut(serializers.Serializer[Any]):
    revoked = serializers.IntegerField()


class SharingPolicyIn(In):
    enabled = serializers.BooleanField(required=False)
    longest_days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_DAYS)
    smallest_role = serializers.ChoiceField([Role.MEMBER, Role.ADMIN], required=False)
    contact = serializers.CharField(required=False, allow_blank=True, max_length=200)


class SharingPolicyOut(serializers.Serializer[SharingPolicy]):
    """``longest_days`` null: links that never expire can be made."""

    enabled = serializers.BooleanField()
    longest_days = serializers.IntegerField(allow_null=True)
    smallest_role = serializers.CharField()
    contact = serializers.CharField()


class QRAsked(serializers.Serializer[Any]):
    """How the code is drawn."""

    format = serializers.ChoiceField(["png", "svg"], default="png")
    size = serializers.IntegerField(default=DEFAULT_SIZE, help_text="Pixels, with the margin.")
    error_correction = serializers.ChoiceField(list(CORRECTIONS), default=DEFAULT_CORRECTION)
