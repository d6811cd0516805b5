"""``/healthz`` and ``/readyz``: what an orchestrator asks before it sends pictures."""

import contextlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as project
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from tests.builders import make_capture
from visant import heartbeats
from visant.health import last_storage_state
from visant.models import Heartbeat

FIT = {"database": "ok", "schema": "ok", "storage": "ok"}
READY = {"status": "ok", **FIT, "queue": "ok", "worker": "ok", "scheduler": "ok"}
UNKNOWN = dict.fromkeys(("queue", "worker", "scheduler"), "unknown")


@pytest.fixture
def processes():
    """A worker and a scheduler that were heard of just now."""
    for kind in Heartbeat.Kind:
        heartbeats.beat(kind)


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_it_is_ready_when_database_schema_and_storage_are(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY)
    assert "Retry-After" not in answer
    assert default_storage.listdir("readiness") == ([], [])


@pytest.mark.django_db
def test_it_is_not_ready_while_migrations_wait(client):
    newest = MigrationRecorder.Migration.objects.filter(app="captures").latest("id")
    newest.delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    waiting = {"schema": f"1 migrations are not applied; the next is captures.{newest.name}"}
    assert answer.json() == {"status": "unavailable", **FIT, **UNKNOWN, **waiting}


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_it_is_not_ready_when_files_cannot_be_written(client, settings, tmp_path):
    # A file where the folder should be: unlike missing rights, this stops root as well.
    (tmp_path / "blocked").write_text("")
    settings.MEDIA_ROOT = tmp_path / "blocked"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {**READY, "status": "unavailable", "storage": "not writable (File exists)"},
    )


@pytest.mark.django_db
def test_the_storage_is_not_written_to_for_everybody_who_asks(client, settings, tmp_path):
    assert client.get("/readyz").json()["storage"] == "ok"
    (tmp_path / "blocked").write_text("")
    settings.MEDIA_ROOT = tmp_path / "blocked"
    assert client.get("/readyz").json()["storage"] == "ok"
    last_storage_state.forget()
    assert client.get("/readyz").json()["storage"] == "not writable (File exists)"


@pytest.mark.django_db
def test_it_stays_ready_without_workers_and_says_so(client):
    """Else a balancer would take away all web servers because a worker is being restarted."""
    nobody = {"worker": "none is running", "scheduler": "none is running"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {**READY, "status": "degraded", **nobody})
    for kind in Heartbeat.Kind:
        heartbeats.beat(kind)
    long_ago = datetime(2026, 3, 1, 12, tzinfo=UTC)
    Heartbeat.objects.filter(kind="worker").update(at=long_ago)
    last = {"worker": "none is running; one was last heard of at 2026-03-01 12:00:00 UTC"}
    assert client.get("/readyz").json() == {**READY, "status": "degraded", **last}


@pytest.mark.django_db
@pytest.mark.usefixtures("processes")
def test_pictures_that_wait_long_to_be_judged_are_told(client):
    now = timezone.now()
    make_capture(evaluation_due_at=now - timedelta(seconds=30))
    make_capture(evaluation_due_at=now + timedelta(hours=1))
    assert client.get("/readyz").json() == READY
    make_capture(evaluation_due_at=now - timedelta(seconds=300))
    answer = client.get("/readyz")
    told = answer.json().pop("queue")
    assert answer.status_code == 200
    assert re.fullmatch(r"2 pictures wait to be judged, the first for 30\d s", told)


@contextlib.contextmanager
def database_down():
    """Point the connection to where no database is."""
    kept, closed = dict(connection.settings_dict), connection.connection
    connection.connection = None
    connection.settings_dict.update(
        {"NAME": "/nowhere/visant.sqlite3"}
        if connection.vendor == "sqlite"
        else {"HOST": "127.0.0.1", "PORT": "1", "OPTIONS": {"connect_timeout": 2}}
    )
    try:
        with pytest.raises(OperationalError):
            connection.ensure_connection()
        yield
    finally:
        connection.connection = closed
        connection.settings_dict.clear()
        connection.settings_dict.update(kept)


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_when_the_database_is_down_but_it_lives(client):
    with database_down():
        answer = client.get("/readyz")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        down = {"database": "unreachable", "schema": "unknown"}
        assert answer.json() == {"status": "unavailable", **FIT, **UNKNOWN, **down}
        assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    assert client.get("/readyz").json()["status"] == "degraded"


def test_living_needs_no_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert project.DEBUG is False
