"""What programs send to a link, and what they get."""

from typing import Any

from rest_framework import serializers

from sharing.services.links import LONGEST_PASSWORD
from sharing.visitors.showing import MOST_SHOWN, PAGE_SIZE


class PageAsked(serializers.Serializer[Any]):
    cursor = serializers.CharField(required=False, default="", max_length=200)
    limit = serializers.IntegerField(required=False, default=PAGE_SIZE, min_value=1, max_value=MOST_SHOWN)
    visit = serializers.CharField(required=False, help_text="What the password gave, or an answer before.")


class PasswordIn(serializers.Serializer[Any]):
    password = serializers.CharField(trim_whitespace=False, allow_blank=True, max_length=LONGEST_PASSWORD)


class VisitOut(serializers.Serializer[Any]):
    """Goes as ``?visit=`` with every address of the link, for so many seconds."""

    visit = serializers.CharField()
    expires_in = serializers.IntegerField()


class SharedCaptureOut(serializers.Serializer[Any]):
    """A picture. What was found on it is null where the link does not tell."""

    id = serializers.UUIDField()
    captured_at = serializers.DateTimeField()
    state = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    page_url = serializers.URLField()
    image_url = serializers.URLField()
    thumbnail_url = serializers.URLField()
    original_url = serializers.URLField(allow_null=True)


class SharedPageOut(serializers.Serializer[Any]):
    """A page of what a link shows, newest first; ``expires_at`` is null where it ends only when taken back."""

    share_type = serializers.CharField()
    device_name = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    visit = serializers.CharField()
    captures = SharedCaptureOut(many=True)
    next = serializers.URLField(allow_null=True)
