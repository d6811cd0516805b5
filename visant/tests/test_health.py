"""``/healthz`` and ``/readyz``: what an orchestrator asks before it sends pictures."""

import contextlib

import pytest
from django.conf import settings as project
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

READY = {"status": "ok", "database": "ok", "storage": "ok"}


@pytest.mark.django_db
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
    assert answer.json() == {
        **READY,
        "status": "unavailable",
        "database": f"1 migrations are not applied; the next is captures.{newest.name}",
    }


@pytest.mark.django_db
def test_it_is_not_ready_when_files_cannot_be_written(client, settings, tmp_path):
    # A file where the folder should be: unlike missing rights, this stops root as well.
    (tmp_path / "blocked").write_text("")
    settings.MEDIA_ROOT = tmp_path / "blocked"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {**READY, "status": "unavailable", "storage": "not writable (File exists)"},
    )


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
        assert answer.json() == {**READY, "status": "unavailable", "database": "unreachable"}
        assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    assert client.get("/readyz").json() == READY


def test_living_needs_no_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert project.DEBUG is False
