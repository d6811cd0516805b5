"""Personal API tokens, as they are asked for and shown."""

from typing import Any

from rest_framework import serializers

from orgs.api.serializers.base import In
from orgs.models import ApiToken
from orgs.models.tokens import LARGEST_QUOTA
from orgs.networks import MOST_NETWORKS


class TokenIn(In):
    name = serializers.CharField(max_length=100)
    access = serializers.ChoiceField(choices=ApiToken.Access.choices, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    networks = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=MOST_NETWORKS
    )
    daily_quota = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=LARGEST_QUOTA)


class TokenNameIn(In):
    name = serializers.CharField(max_length=100)


class RequestsOut(serializers.Serializer[Any]):
    """Requests it made, counted by days of UTC; the last seconds may be missing."""

    today = serializers.IntegerField(source="requests_today")
    last_30_days = serializers.IntegerField(source="requests_lately")


class AccessKeyOut(serializers.Serializer[Any]):
    """What is told of each key, a person's or a camera's. Needs ``with_usage()``."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    daily_quota = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(choices=["active", "expired", "revoked"])
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_from = serializers.IPAddressField(allow_null=True)
    requests = RequestsOut(source="*")


class TokenOut(AccessKeyOut):
    name = serializers.CharField()
    access = serializers.ChoiceField(choices=ApiToken.Access.choices)
    networks = serializers.ListField(child=serializers.CharField())


class NewTokenOut(TokenOut):
    token = serializers.SerializerMethodField(help_text="The token itself, shown this once.")

    def get_token(self, token: ApiToken) -> str:
        return str(self.context["text"])
