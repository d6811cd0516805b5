"""Organizations and their people, as they are asked for and shown."""

from rest_framework import serializers

from orgs.api.serializers.base import In
from orgs.models import Invitation, Membership, Role, User
from orgs.models.organizations import LONGEST_RETENTION_DAYS
from orgs.services.invitations import OPEN_FOR, OPEN_FOR_AT_MOST


class OrganizationOut(serializers.Serializer[Membership]):
    """An organization, and what the caller is there."""

    id = serializers.UUIDField(source="org.pk")
    name = serializers.CharField(source="org.name")
    slug = serializers.SlugField(source="org.slug")
    time_zone = serializers.CharField(source="org.time_zone")
    retention_days = serializers.IntegerField(source="org.retention_days", allow_null=True)
    created_at = serializers.DateTimeField(source="org.created_at")
    role = serializers.ChoiceField(choices=Role.choices)


class OrganizationsOut(serializers.Serializer[dict[str, list[Membership]]]):
    organizations = OrganizationOut(many=True)


class SettingsIn(In):
    """What is left out stays as it is."""

    name = serializers.CharField(required=False, max_length=200)
    slug = serializers.CharField(required=False, max_length=60)
    time_zone = serializers.CharField(required=False, max_length=64)
    retention_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_RETENTION_DAYS
    )


class LimitsIn(In):
    """How far a membership reaches; null is without a limit."""

    camera_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_null=True, max_length=10_000
    )
    history_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)


class InvitationIn(LimitsIn):
    role = serializers.ChoiceField(choices=[role.value for role in Role if role != Role.OWNER])
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    open_for_days = serializers.IntegerField(default=OPEN_FOR.days, min_value=1, max_value=OPEN_FOR_AT_MOST.days)


class MemberIn(LimitsIn):
    """What is left out stays as it is."""

    role = serializers.ChoiceField(choices=Role.values, required=False)


class PersonOut(serializers.Serializer[User]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()


class LimitsOut(serializers.Serializer):
    role = serializers.ChoiceField(choices=Role.choices)
    camera_ids = serializers.ListField(child=serializers.UUIDField(), allow_null=True)
    history_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)


class MemberOut(LimitsOut):
    id = serializers.UUIDField(help_text="Of the membership.")
    user = PersonOut()
    created_at = serializers.DateTimeField()


class InvitationOut(LimitsOut):
    id = serializers.UUIDField()
    email = serializers.CharField(help_text="Empty: whoever has the link can accept.")
    state = serializers.ChoiceField(choices=["open", "expired"])
    created_by = PersonOut(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewInvitationOut(InvitationOut):
    link = serializers.SerializerMethodField(help_text="What the person opens to accept; shown this once.")

    def get_link(self, invitation: Invitation) -> str:
        return str(self.context["link"])
