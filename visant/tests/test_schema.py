"""The API does what its description says: generated requests find no 5xx and no answer that is not declared."""

import os

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from orgs.models import ApiToken, Membership
from orgs.services.logins import log_in
from orgs.services.tokens import create_token
from tests.builders import PASSWORD, make_capture, make_device, make_org, owner_of
from visant.wsgi import application

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("VISANT_TEST_EXAMPLES", "4"))

description = schemathesis.openapi.from_wsgi("/v1/schema", application)


@pytest.fixture
def _one_connection():
    """Requests are made in the test's transaction, as Django's own client does it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def shown(db, _one_connection, settings):
    """What each caller shows; there are rows that can be found, and nobody asks too often."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "off")
    org = make_org()
    device, key = make_device(org)
    make_capture(device)
    owner = owner_of(org)
    membership = Membership.unscoped.get(user=owner)
    _, text = create_token(membership=membership, name="Fuzz", access=ApiToken.Access.WRITE)
    return {
        "anyone": {},
        "device": {"X-API-Key": key},
        "token": {"Authorization": f"Bearer {text}"},
        "person": {"Authorization": f"Bearer {log_in(email=owner.email, password=PASSWORD).access}"},
    }


@description.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=20_000,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_is_answered_as_described(case, shown):
    """Every caller asks the same: to think of it takes as long as to answer it."""
    for headers in shown.values():
        case.call_and_validate(headers=headers, checks=CHECKS)
