"""``/v1/auth``: signing up, logging in and out, and one's own account."""

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.accounts.forms import ForgottenPasswordForm
from orgs.api.parsers import JSONParser
from orgs.api.serializers.auth import (
    ChangePasswordIn,
    DetailOut,
    ForgotPasswordIn,
    LoginIn,
    LoginOut,
    LogoutIn,
    MeOut,
    ProfileIn,
    RefreshIn,
    ResetPasswordIn,
    SignUpIn,
)
from orgs.api.serializers.base import received
from orgs.api.views import AnyoneAPIView, PersonAPIView
from orgs.models import User
from orgs.services.accounts import rename_person
from orgs.services.links import choose_password
from orgs.services.logins import (
    change_own_password,
    log_in,
    log_out,
    refresh_login,
    sign_up_and_log_in,
)


class SignUp(AnyoneAPIView):
    @extend_schema(request=SignUpIn, responses={201: LoginOut})
    def post(self, request: Request) -> Response:
        login = sign_up_and_log_in(**received(SignUpIn, request))
        _ask_to_verify(request._request, login.user)
        return Response(LoginOut(login).data, status=201)


class LogIn(AnyoneAPIView):
    @extend_schema(request=LoginIn, responses=LoginOut)
    def post(self, request: Request) -> Response:
        return Response(LoginOut(log_in(**received(LoginIn, request))).data)


class Refresh(AnyoneAPIView):
    @extend_schema(request=RefreshIn, responses=LoginOut)
    def post(self, request: Request) -> Response:
        return Response(LoginOut(refresh_login(**received(RefreshIn, request))).data)


class LogOut(AnyoneAPIView):
    @extend_schema(request=LogoutIn, responses={204: None})
    def post(self, request: Request) -> Response:
        log_out(**received(LogoutIn, request))
        return Response(status=204)


class ForgotPassword(AnyoneAPIView):
    """The same answer for every address: who has an account is nobody's business."""

    @extend_schema(request=ForgotPasswordIn, responses=DetailOut)
    def post(self, request: Request) -> Response:
        form = ForgottenPasswordForm(received(ForgotPasswordIn, request))
        if form.is_valid():
            form.save(request._request)
        return Response({"detail": "If there is an account with this address, a mail with a link is on its way."})


class ResetPassword(AnyoneAPIView):
    @extend_schema(request=ResetPasswordIn, responses=DetailOut)
    def post(self, request: Request) -> Response:
        user = choose_password(**received(ResetPasswordIn, request))
        get_adapter().send_notification_mail("account/email/password_reset", user)
        return Response({"detail": "The password is changed. Log in with it."})


class Me(PersonAPIView):
    @extend_schema(responses=MeOut)
    def get(self, request: Request) -> Response:
        return _me(self)


class Profile(PersonAPIView):
    parser_classes = [JSONParser]
    login_methods = ("PATCH",)

    @extend_schema(request=ProfileIn, responses=MeOut)
    def patch(self, request: Request) -> Response:
        rename_person(user=self.person, acting_user=self.person, **received(ProfileIn, request))
        return _me(self)


class ChangePassword(PersonAPIView):
    """Answers with new tokens, for all others end with the old password."""

    parser_classes = [JSONParser]
    login_methods = ("POST",)

    @extend_schema(request=ChangePasswordIn, responses={200: LoginOut})
    def post(self, request: Request) -> Response:
        sent = received(ChangePasswordIn, request)
        login = change_own_password(
            user=self.person,
            membership=self.credentials.membership,
            present=sent["current_password"],
            new=sent["new_password"],
        )
        get_adapter().send_notification_mail("account/email/password_changed", self.person)
        return Response(LoginOut(login).data)


def _me(view: PersonAPIView) -> Response:
    return Response(MeOut({"user": view.person, "membership": view.credentials.membership}).data)


def _ask_to_verify(request: HttpRequest, user: User) -> None:
    for address in EmailAddress.objects.filter(user_id=user.pk, verified=False):
        address.send_confirmation(request, signup=True)
