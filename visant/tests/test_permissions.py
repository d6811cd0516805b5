"""``docs/permissions.md`` says what the doors themselves state."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from rest_framework.response import Response
from rest_framework.views import APIView

from orgs.access import requires
from orgs.api.views import MemberAPIView, PersonAPIView
from orgs.models import Role
from visant.management.commands.permissions import BETWEEN, DOCUMENT
from visant.permissions import UnstatedDoor, doors


def test_the_document_is_up_to_date():
    printed = StringIO()
    call_command("permissions", stdout=printed)
    written = BETWEEN.search(DOCUMENT.read_text())
    assert written is not None
    assert written[0] == printed.getvalue(), "run make permissions"


def plain(request) -> HttpResponse:
    return HttpResponse("closed to nobody")


class Plain(APIView):
    def get(self, request) -> Response:
        return Response()


class Mixed(MemberAPIView):
    smallest_role = Role.MEMBER
    smallest_roles = {"DELETE": Role.OWNER}

    def get(self, request) -> Response:
        return Response()

    delete = get


class Own(PersonAPIView):
    def get(self, request) -> Response:
        return Response()


stated = [
    path("page/<uuid:pk>", require_safe(requires(Role.ADMIN)(plain))),
    path("api/mixed", Mixed.as_view(), name="mixed"),
    path("api/own", Own.as_view()),
]


class Resolver:
    def __init__(self, patterns: list) -> None:
        self.url_patterns = patterns


def test_what_a_view_states_is_read(monkeypatch):
    monkeypatch.setattr("visant.permissions.get_resolver", lambda: Resolver(stated))
    found = [(door.path, door.method, door.who) for door in doors()]
    assert found == [
        ("/admin/…", "GET", "operator"),
        ("/admin/…", "POST", "operator"),
        ("/api/mixed", "GET", "member"),
        ("/api/mixed", "DELETE", "owner"),
        ("/api/own", "GET", "person"),
        ("/page/{pk}", "GET", "admin"),
    ]


@pytest.mark.parametrize("view", [plain, Plain.as_view()])
def test_a_view_that_states_nothing_is_found(monkeypatch, view):
    monkeypatch.setattr("visant.permissions.get_resolver", lambda: Resolver([path("somewhere", view)]))
    with pytest.raises(UnstatedDoor, match=r"^/somewhere: who may enter"):
        doors()


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_a_view_that_states_nothing_is_closed(client):
    answer = client.get("/plain")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/plain")
    assert client.get("/v1/plain").status_code in (401, 403)


urlpatterns = [path("plain", plain), path("v1/plain", Plain.as_view()), path("login", plain, name="account_login")]
