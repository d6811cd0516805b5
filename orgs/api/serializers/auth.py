"""What ``/v1/auth`` is sent, and what it answers."""

from typing import Any

from rest_framework import serializers
from rest_framework_simplejwt.settings import api_settings

from orgs.api.serializers.base import In, SecretField
from orgs.models import Membership, User
from orgs.services.logins import Login


class OrganizationField(serializers.CharField):
    """The id or the slug of one of the person's organizations; empty: the one whose member they are longest."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_blank=True, max_length=60, **options)


class SignUpIn(In):
    email = serializers.CharField(max_length=254)
    password = SecretField()
    name = serializers.CharField(max_length=200)
    org_name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    time_zone = serializers.CharField(required=False, max_length=64)
    invitation = serializers.CharField(required=False, allow_blank=True, max_length=200)


class LoginIn(In):
    email = serializers.CharField(max_length=254)
    password = SecretField()
    otp = serializers.CharField(required=False, allow_blank=True, max_length=50)
    organization = OrganizationField()


class RefreshIn(In):
    refresh = serializers.CharField(max_length=4000)
    organization = OrganizationField()


class LogoutIn(In):
    refresh = serializers.CharField(max_length=4000)


class ProfileIn(In):
    name = serializers.CharField(max_length=200)


class ChangePasswordIn(In):
    current_password = SecretField()
    new_password = SecretField()


class ForgotPasswordIn(In):
    email = serializers.EmailField(max_length=254)


class ResetPasswordIn(In):
    key = serializers.CharField(max_length=200)
    password = SecretField()


class DetailOut(serializers.Serializer[Any]):
    """A sentence for people."""

    detail = serializers.CharField()


class UserOut(serializers.Serializer[User]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class MembershipOut(serializers.Serializer[Membership]):
    """The organization somebody acts for, and what they are there."""

    id = serializers.UUIDField(source="org.pk")
    name = serializers.CharField(source="org.name")
    slug = serializers.SlugField(source="org.slug")
    role = serializers.CharField()


class MeOut(serializers.Serializer[Any]):
    user = UserOut()
    organization = MembershipOut(source="membership", allow_null=True)


class LoginOut(MeOut):
    """The tokens are null for who signed up and must verify the address before logging in."""

    access = serializers.CharField(allow_null=True)
    refresh = serializers.CharField(allow_null=True)
    expires_in = serializers.SerializerMethodField(help_text="Seconds until the access token ends.")

    def get_expires_in(self, login: Login) -> int | None:
        return int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()) if login.access else None
