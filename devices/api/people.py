"""``/v1/orgs/current/members`` and ``…/invitations``: who belongs to an organization, and who is asked to."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from devices.access import devices_of
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.serializers.organizations import (
    InvitationIn,
    InvitationOut,
    MemberIn,
    MemberOut,
    NewInvitationOut,
)
from orgs.api.views import MemberAPIView
from orgs.errors import Invalid, NotThere
from orgs.models import Invitation, Membership, Role
from orgs.services.invitations import invite, link_of, revoke_invitation
from orgs.services.memberships import change_membership, remove_member


class NoSuchCamera(Invalid):
    code = "no_such_camera"


class MemberNotThere(NotThere):
    code = "member_not_found"


class InvitationNotThere(NotThere):
    code = "invitation_not_found"


class MemberList(MemberAPIView, ListAPIView[Membership]):
    """``GET``: who belongs to the organization, the newest first."""

    smallest_role = Role.ADMIN
    serializer_class = MemberOut
    results_key = "members"
    keyset_field = "created_at"

    def get_queryset(self) -> QuerySet[Membership]:
        members: QuerySet[Membership] = self.org.memberships.select_related("user")
        return members


class MemberDetail(MemberAPIView):
    """``PATCH`` changes role and limits, ``DELETE`` removes; removing oneself is leaving, which every role may."""

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN
    smallest_roles = {"DELETE": Role.VIEWER}
    login_methods = ("PATCH", "DELETE")  # a token, which ends, must not give what lasts

    @extend_schema(responses=MemberOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(MemberOut(self._member(pk)).data)

    @extend_schema(request=MemberIn, responses=MemberOut)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        member = self._member(pk)
        access = {
            "role": member.role,
            "camera_ids": member.cameras,
            "history_from": member.history_from,
            "valid_until": member.valid_until,
        } | received_access(self, MemberIn)
        access["role"] = Role(access["role"])
        return Response(
            MemberOut(change_membership(membership=member, acting_membership=self.membership, **access)).data
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        remove_member(membership=self._member(pk), acting_membership=self.membership)
        return Response(status=204)

    def _member(self, pk: uuid.UUID) -> Membership:
        member: Membership | None = self.org.memberships.select_related("user").filter(pk=pk).first()
        if member is None:
            raise MemberNotThere("There is no such member.")
        return member


class InvitationList(MemberAPIView, ListAPIView[Invitation]):
    """``GET``: invitations without an answer, newest first. ``POST`` invites; the link is in the answer, once."""

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN
    login_methods = ("POST",)
    serializer_class = InvitationOut
    results_key = "invitations"
    keyset_field = "created_at"

    def get_queryset(self) -> QuerySet[Invitation]:
        unanswered: QuerySet[Invitation] = self.org.invitations.unanswered().select_related("created_by")
        return unanswered

    @extend_schema(request=InvitationIn, responses={201: NewInvitationOut})
    def post(self, request: Request) -> Response:
        given = received_access(self, InvitationIn)
        given["role"], days = Role(given["role"]), given.pop("open_for_days")
        invitation, token = invite(acting_membership=self.membership, open_for=timedelta(days=days), **given)
        answer = NewInvitationOut(invitation, context={"link": link_of(token)})
        return Response(answer.data, status=201, headers={"Cache-Control": "no-store"})


class InvitationDetail(MemberAPIView):
    """``DELETE`` takes an invitation back."""

    smallest_role = Role.ADMIN
    login_methods = ("DELETE",)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        invitation = self.org.invitations.filter(pk=pk).first()
        if invitation is None:
            raise InvitationNotThere("There is no such invitation.")
        revoke_invitation(invitation=invitation, acting_membership=self.membership)
        return Response(status=204)


def received_access(view: MemberAPIView, kind: type[InvitationIn | MemberIn]) -> dict[str, Any]:
    """Return what was sent, having seen to it that its cameras are the organization's."""
    given = received(kind, view.request)
    wanted = set(given.get("camera_ids") or [])
    if wanted - set(devices_of(view.membership).filter(pk__in=wanted).values_list("pk", flat=True)):
        raise NoSuchCamera("One of the cameras is not there.")
    return given
