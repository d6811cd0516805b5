"""Every way to say no has one form, RFC 9457, and tells a camera whether to try again and what to keep."""

import sqlite3
import threading
import time

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404
from django.templatetags.static import static
from django.test import Client
from django.urls import path
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf
from rest_framework.views import APIView

from captures.models import Capture
from orgs import errors
from orgs.keys import make_key
from orgs.models import Role
from tests.builders import logged_in, make_device, make_jpeg, make_member, make_org, owner_of, stored_files
from tests.problems import refused
from tests.server import Server
from visant import urls
from visant.errors import STATUSES

RAISED = {
    "not-authenticated": (errors.NotAuthenticated("No."), 401, "not_authenticated", False, True),
    "not-allowed": (errors.NotAllowed("No."), 403, "not_allowed", False, True),
    "not-there": (errors.NotThere("No."), 404, "not_found", False, True),
    "conflict": (errors.Conflict("No."), 409, "conflict", False, True),
    "limit": (errors.LimitReached("No."), 409, "limit_reached", False, True),
    "too-large": (errors.TooLarge("No."), 413, "too_large", False, False),
    "unsupported": (errors.UnsupportedType("No."), 415, "unsupported_type", False, False),
    "invalid": (errors.Invalid("No."), 400, "invalid", False, True),
    "unavailable": (errors.Unavailable("No."), 503, "unavailable", True, True),
    "operational": (OperationalError("gone"), 503, "database_unavailable", True, True),
    "interface": (InterfaceError("closed"), 503, "database_unavailable", True, True),
    "pool": (PoolTimeout("full"), 503, "database_unavailable", True, True),
    "404": (Http404("x"), 404, "not_found", False, True),
    "403": (PermissionDenied("No."), 403, "not_allowed", False, True),
    "400": (SuspiciousOperation("No."), 400, "bad_request", False, True),
    "parse": (drf.ParseError(), 400, "parse_error", False, True),
    "validation": (
        drf.ValidationError({"a": ["No."], "non_field_errors": ["Yes."]}),
        400,
        "invalid",
        False,
        True,
    ),
    "throttled": (drf.Throttled(wait=41.5), 429, "throttled", True, True),
    "method": (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed", False, True),
    "accept": (drf.NotAcceptable(), 406, "not_acceptable", False, True),
    "bug": (ZeroDivisionError("a bug"), 500, "internal_error", True, True),
}


class Raising(APIView):
    authentication_classes = []
    permission_classes = []
    login_required = False

    def get(self, request, name):
        raise RAISED[name][0]


def raising_page(request, name):
    raise RAISED[name][0]


raising_page.login_required = False

urlpatterns = [
    path("v1/raise/<str:name>", Raising.as_view()),
    path("v1/raise-plainly/<str:name>", raising_page),
    path("raise/<str:name>", raising_page),
    *urls.urlpatterns,
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", RAISED)
def test_what_a_door_of_the_api_raises_is_answered_as_a_problem(client, name):
    _, *expected = RAISED[name]
    assert refused(client.get(f"/v1/raise/{name}")) == tuple(expected)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", [name for name in RAISED if not isinstance(RAISED[name][0], drf.APIException)])
def test_what_any_other_view_below_v1_raises_is_answered_as_a_problem(client, name):
    _, *expected = RAISED[name]
    assert refused(client.get(f"/v1/raise-plainly/{name}")) == tuple(expected)


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", [name for name in RAISED if not isinstance(RAISED[name][0], drf.APIException)])
def test_what_a_page_raises_is_shown_to_a_person_with_the_same_status(client, name):
    _, status, *_ = RAISED[name]
    answer = client.get(f"/raise/{name}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert ("Retry-After" in answer.headers) is (status == 503)


@pytest.mark.urls(__name__)
def test_a_problem_says_what_was_wrong_and_where(client):
    answer = client.get("/v1/raise/validation")
    assert answer.json() == {
        "type": "urn:visant:problem:invalid",
        "title": "Bad request",
        "status": 400,
        "detail": "a: No. Yes.",
        "code": "invalid",
        "retryable": False,
        "keep_local": True,
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.urls(__name__)
def test_a_wait_is_told_in_whole_seconds(client):
    assert client.get("/v1/raise/throttled").headers["Retry-After"] == "42"
    assert client.get("/v1/raise/unavailable").headers["Retry-After"] == "5"


@pytest.mark.urls(__name__)
def test_a_bug_says_nothing_of_itself(client):
    answer = client.get("/v1/raise/bug")
    assert "a bug" not in answer.text
    assert "Zero" not in answer.text


@pytest.mark.django_db
def test_the_way_on_from_a_page_is_the_login_for_who_is_not_logged_in(client):
    assert ">Log in</a>" in client.get("/nowhere").content.decode()
    assert ">To the timeline</a>" in logged_in(owner_of(make_org())).get("/nowhere").content.decode()


@pytest.mark.django_db
def test_who_has_too_small_a_role_reads_whom_to_ask():
    answer = logged_in(make_member(make_org(), Role.MEMBER)).get("/organization/people")
    assert answer.status_code == 403
    assert "Ask an owner or admin of the organization." in answer.content.decode()


def test_the_picture_that_browsers_ask_for_by_themselves_is_there(client):
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer["Location"]) == (302, static("favicon.svg"))


def test_a_path_that_is_not_there_is_a_problem(client):
    for wrong in ("/v1/nothing", "/v1/captures/", "/v1/captures/a/b", "/v1/"):
        assert refused(client.get(wrong)) == (404, "not_found", False, True)


def test_an_unknown_host_is_a_problem(client):
    assert refused(client.get("/v1/captures", headers={"host": "evil.example"}))[:2] == (400, "bad_request")


def all_refusals(kind: type[errors.DomainError] = errors.DomainError):
    for refusal in kind.__subclasses__():
        yield refusal
        yield from all_refusals(refusal)


def test_every_refusal_has_a_status_and_a_code_of_its_own():
    refusals = [refusal for refusal in all_refusals() if refusal.__module__.partition(".")[0] != "visant_camera"]
    for refusal in refusals:
        assert any(issubclass(refusal, kind) for kind, _ in STATUSES), refusal
        assert refusal.keep_local or not issubclass(refusal, errors.Unavailable), refusal
    codes = [refusal.code for refusal in refusals]
    assert sorted(codes) == sorted(set(codes))


# --- the database is locked, or gone


def upload(key: str, record_id: str):
    return Client().post(
        f"/v1/captures?record_id={record_id}",
        make_jpeg(),
        content_type="image/jpeg",
        headers={"Authorization": f"Bearer {key}"},
    )


@pytest.fixture
def other():
    """A second connection to the database of the test, past Django."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        second = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=1)
    else:
        fields = connection.get_connection_params()
        fields.pop("pool", None)
        names = ("dbname", "user", "password", "host", "port")
        second = psycopg.connect(**{name: fields[name] for name in names if fields.get(name)}, autocommit=True)
    yield second
    second.close()


@pytest.fixture
def impatient():
    """The connection of the test gives up a lock soon; the real one waits for five seconds."""
    before, after = {
        "sqlite": ("PRAGMA busy_timeout = 100", "PRAGMA busy_timeout = 5000"),
        "postgresql": ("SET lock_timeout = '100ms'", "RESET lock_timeout"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(before)
    yield
    with connection.cursor() as cursor:
        cursor.execute(after)


def lock(other) -> None:
    if connection.vendor == "sqlite":
        other.execute("BEGIN IMMEDIATE")
    else:
        other.execute("BEGIN")
        other.execute("LOCK TABLE captures_capture, devices_devicekey IN EXCLUSIVE MODE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seen_before", [True, False])
def test_a_locked_database_is_an_outage_with_nothing_half_written(other, impatient, seen_before):
    """Seen before: it is the row that cannot be written, after the file; else already the camera's sighting."""
    _, key = make_device()
    if seen_before:
        assert Client().get("/v1/captures", headers={"X-API-Key": key}).status_code == 200
    lock(other)
    assert refused(upload(key, "r1")) == (503, "database_unavailable", True, True)
    assert stored_files() == set()
    other.execute("ROLLBACK")
    assert upload(key, "r1").status_code == 201
    assert stored_files() == {Capture.unscoped.get().storage_key}


on_postgresql = pytest.mark.skipif(
    "postgresql" not in django_settings.DATABASES["default"]["ENGINE"], reason="a matter of PostgreSQL"
)


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_an_outage_and_the_next_one_works(other):
    _, key = make_device()
    other.execute("SELECT pg_terminate_backend(%s)", [backend_pid()])
    assert refused(upload(key, "r1")) == (503, "database_unavailable", True, True)
    assert stored_files() == set()
    connection.close()
    assert upload(key, "r1").status_code == 201


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_amid_the_insert_leaves_the_file_to_the_sweep(other):
    """Whether the row was committed is not known then; a row without its bytes would be a lost picture."""
    _, key = make_device()
    Client().get("/v1/captures", headers={"X-API-Key": key})
    pid = backend_pid()
    lock(other)

    def end_it_when_it_waits() -> None:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while not other.execute(waiting, [pid]).fetchone()[0]:
            time.sleep(0.01)
        other.execute("SELECT pg_terminate_backend(%s)", [pid])

    ending = threading.Thread(target=end_it_when_it_waits)
    ending.start()
    assert refused(upload(key, "r1")) == (503, "database_unavailable", True, True)
    ending.join()
    other.execute("ROLLBACK")
    connection.close()
    assert len(stored_files()) == 1
    assert Capture.unscoped.count() == 0
    assert upload(key, "r1").status_code == 201
    assert len(stored_files()) == 2


def test_a_server_whose_database_is_away_lives_and_says_so(tmp_path):
    away = "postgres://visant@127.0.0.1:1/visant?connect_timeout=1"
    server = Server(tmp_path / "var", workers=1, DATABASE_URL=away, DATABASE_POOL_MIN="0")
    server.folder.mkdir()
    try:
        server.start()
        status, headers, body = server.request(
            "POST", "/v1/captures", make_jpeg(), {"X-API-Key": make_key("dev").text}
        )
        assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "5")
        assert b'"code": "database_unavailable", "retryable": true, "keep_local": true' in body
    finally:
        server.kill()
