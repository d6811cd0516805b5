"""An organization, its owner, and somebody who does not belong to it yet."""

import pytest

from orgs.models import Membership, Organization, User
from orgs.services.users import create_user
from tests.builders import PASSWORD, make_org, membership_of, owner_of


@pytest.fixture
def org() -> Organization:
    return make_org()


@pytest.fixture
def owner(org) -> Membership:
    return membership_of(org, owner_of(org))


@pytest.fixture
def ada() -> User:
    return create_user(email="ada@example.org", name="Ada", password=PASSWORD)
