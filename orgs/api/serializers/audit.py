from datetime import UTC
from typing import Any

from rest_framework import serializers

from orgs.models import AuditEntry
from orgs.wording import Subject, sentence


class AuditFilter(serializers.Serializer[Any]):
    """How the list can be narrowed: ``from`` is included, ``to`` is not."""

    device_id = serializers.UUIDField(required=False)
    person = serializers.CharField(
        required=False, max_length=200, help_text="Part of the name or address of who did it or to whom."
    )
    about = serializers.ChoiceField(choices=Subject.choices, required=False)
    to = serializers.DateTimeField(required=False, default_timezone=UTC)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.DateTimeField(required=False, default_timezone=UTC)}


class ActorOut(serializers.Serializer[AuditEntry]):
    kind = serializers.CharField(source="actor_kind")
    id = serializers.UUIDField(source="actor_id", allow_null=True)
    name = serializers.CharField(source="actor_name")


class TargetOut(serializers.Serializer[AuditEntry]):
    kind = serializers.CharField(source="target_kind")
    id = serializers.CharField(source="target_id")
    name = serializers.CharField(source="target_name")


class AuditEntryOut(serializers.Serializer[AuditEntry]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    action = serializers.CharField(help_text="Like membership.removed.")
    sentence = serializers.SerializerMethodField()
    actor = ActorOut(source="*")
    target = TargetOut(source="*")
    device_id = serializers.UUIDField(allow_null=True)
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    reason = serializers.CharField()
    ip = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()

    def get_sentence(self, entry: AuditEntry) -> str:
        return sentence(entry)
