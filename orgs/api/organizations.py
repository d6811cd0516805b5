"""``/v1/orgs``: the caller's organizations, and the settings of the one the call is about."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.access import list_memberships
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.serializers.organizations import OrganizationOut, OrganizationsOut, SettingsIn
from orgs.api.views import MemberAPIView, PersonAPIView
from orgs.models import Role
from orgs.services.organizations import change_organization


class OrganizationList(PersonAPIView):
    """``GET``: all organizations of who logged in; of a personal token only the one it is for."""

    @extend_schema(responses=OrganizationsOut)
    def get(self, request: Request) -> Response:
        only = self.credentials.membership if self.credentials.token else None
        memberships = list_memberships(self.person) if only is None else [only]
        return Response(OrganizationsOut({"organizations": memberships}).data)


class CurrentOrganization(MemberAPIView):
    """The organization that the token is for; ``PATCH`` changes its settings."""

    parser_classes = [JSONParser]
    smallest_roles = {"PATCH": Role.OWNER}

    @extend_schema(responses=OrganizationOut)
    def get(self, request: Request) -> Response:
        return Response(OrganizationOut(self.membership).data)

    @extend_schema(request=SettingsIn, responses=OrganizationOut)
    def patch(self, request: Request) -> Response:
        settings = received(SettingsIn, request)
        self.membership.org = change_organization(org=self.org, acting_user=self.person, **settings)
        return Response(OrganizationOut(self.membership).data)
