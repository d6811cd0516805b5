"""Who may enter a page: the smallest role decides."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from orgs.access import RoleTooSmall, requires
from orgs.models import Membership, Role
from orgs.services.users import create_user
from tests.builders import make_member, make_org

MAY = {
    Role.OWNER: {Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER},
    Role.ADMIN: {Role.ADMIN, Role.MEMBER, Role.VIEWER},
    Role.MEMBER: {Role.MEMBER, Role.VIEWER},
    Role.VIEWER: {Role.VIEWER},
}


def enter(user, smallest: Role) -> HttpResponse:
    """Open a page that tells the organization, the role, the time zone and what the address held."""

    @requires(smallest)
    def page(request, number: int) -> HttpResponse:
        membership = request.membership
        return HttpResponse(
            f"{membership.org.slug} {membership.role} {timezone.get_current_timezone_name()} {number}"
        )

    request = RequestFactory().get("/")
    request.user, request.session = user, {}
    return page(request, 7)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("smallest", Role)
def test_a_role_covers_itself_and_the_smaller_ones(role, smallest):
    assert role.covers(smallest) is (smallest in MAY[role])


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("smallest", Role)
def test_a_page_lets_in_who_has_at_least_its_role(role, smallest):
    org = make_org(time_zone="Europe/Zurich")
    member = make_member(org, role)
    if smallest in MAY[role]:
        assert enter(member, smallest).content.decode() == f"{org.slug} {role} Europe/Zurich 7"
    else:
        with pytest.raises(RoleTooSmall, match=f"This needs the role {smallest}."):
            enter(member, smallest)
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.django_db
def test_a_role_in_one_organization_is_none_in_another():
    first, second = make_org(), make_org()
    user = make_member(first, Role.VIEWER)
    Membership.unscoped.create(org=second, user=user, role=Role.OWNER)
    Membership.unscoped.filter(org=second).update(created_at=timezone.now() + timedelta(seconds=1))
    with pytest.raises(RoleTooSmall):
        enter(user, Role.MEMBER)
    assert enter(user, Role.VIEWER).content.decode().startswith(f"{first.slug} viewer")


@pytest.mark.django_db
def test_a_person_without_an_organization_is_told_so():
    make_org()
    answer = enter(create_user(email="nobody@example.org"), Role.VIEWER)
    assert answer.status_code == 403
