"""What people's programs send is read within bounds."""

import pytest
from django.test import Client

from orgs.services.logins import log_in
from tests.builders import PASSWORD, make_org, owner_of
from tests.problems import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown():
    return {"Authorization": f"Bearer {log_in(email=owner_of(make_org()).email, password=PASSWORD).access}"}


def patch(body: bytes, headers: dict[str, str]):
    return Client().patch("/v1/auth/profile", body, content_type="application/json", headers=headers)


def test_a_body_that_is_too_large_is_refused_unread(shown, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert refused(patch(b'{"name": "%s"}' % (b"x" * 100), shown)) == (413, "body_too_large", False, True)
    login = Client().post("/v1/auth/login", b'{"email": "%s"}' % (b"x" * 100), content_type="application/json")
    assert refused(login) == (413, "body_too_large", False, True)
    assert patch(b'{"name": "x"}', shown).status_code == 200


def test_a_body_that_is_nested_too_deep_is_no_bug(shown):
    assert refused(patch(b"[" * 100_000, shown)) == (400, "parse_error", False, True)
