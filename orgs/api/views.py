"""The bases of every view that people's programs call; each states who may."""

from typing import ClassVar, cast

from rest_framework.permissions import SAFE_METHODS, AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from orgs.access import refuse_smaller
from orgs.api.authentication import Credentials, PersonAuthentication
from orgs.api.parsers import JSONParser
from orgs.errors import NotAllowed
from orgs.models import Membership, Organization, Role, User


class NoOrganization(NotAllowed):
    code = "no_organization"


class ReadOnlyToken(NotAllowed):
    code = "read_only_token"


class LoginNeeded(NotAllowed):
    code = "login_needed"


class IsPerson(BasePermission):
    """A person; with a read-only token only for questions, and never what is for those who logged in."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if _credentials(request).token and request.method in cast(PersonAPIView, view).login_methods:
            raise LoginNeeded("A personal token may not do this; log in.")
        if request.method not in SAFE_METHODS and not _credentials(request).may_write:
            raise ReadOnlyToken("This token may only read.")
        return isinstance(request.user, User)


class IsMember(IsPerson):
    """A member whose role covers what the view asks for this method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        membership = _credentials(request).membership
        if membership is None:
            raise NoOrganization("You belong to no organization.")
        refuse_smaller(membership, cast(MemberAPIView, view).role_for(request.method or ""))
        return True


class AnyoneAPIView(APIView):
    """The caller is anyone, who by this call shows or becomes somebody."""

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [JSONParser]

    def caller_of(self, method: str) -> str:
        return "anyone"


class PersonAPIView(APIView):
    """The caller is a person, who may belong to no organization; ``self.person`` is it.

    ``login_methods`` are refused to personal tokens: a token must not make itself more powerful.
    """

    authentication_classes = [PersonAuthentication]
    permission_classes = [IsPerson]
    login_methods: ClassVar[tuple[str, ...]] = ()

    def caller_of(self, method: str) -> str:
        """Who may call it at least, as ``docs/permissions.md`` has it."""
        return "person"

    @property
    def person(self) -> User:
        return cast(User, self.request.user)

    @property
    def credentials(self) -> Credentials:
        return _credentials(self.request)


class MemberAPIView(PersonAPIView):
    """The caller is a member; ``self.membership`` tells of which organization, as what and with which limits.

    ``smallest_role`` may do all methods but those for which ``smallest_roles`` asks for another.
    """

    permission_classes = [IsMember]
    smallest_role: ClassVar[Role] = Role.VIEWER
    smallest_roles: ClassVar[dict[str, Role]] = {}

    def caller_of(self, method: str) -> str:
        return str(self.role_for(method))

    def role_for(self, method: str) -> Role:
        return self.smallest_roles.get(method, self.smallest_role)

    @property
    def membership(self) -> Membership:
        return cast(Membership, self.credentials.membership)

    @property
    def org(self) -> Organization:
        return self.membership.org


def _credentials(request: Request) -> Credentials:
    return cast(Credentials, request.auth)
