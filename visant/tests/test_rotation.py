"""Secrets are replaced without logging anybody out, nor locking a camera out (docs/secrets.md)."""

import os
import subprocess
import sys

import pytest
import requests
from django.core.files.storage import default_storage
from django.test import Client

from captures.models import Capture
from captures.picture_urls import picture_url
from captures.storage.checks import storage_trouble
from orgs.services.logins import log_in
from orgs.services.tokens import create_token
from tests.builders import PASSWORD, logged_in, make_device, make_jpeg, make_org, owner_of
from tests.postgresql import ROLE, in_database
from tests.s3 import KEYS, keep_in
from tests.server import BASE_DIR

ME = "/v1/auth/me"
WHOAMI = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT current_user")
    print(*cursor.fetchone())
"""


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refreshed(client: Client, refresh: str) -> tuple[int, dict]:
    answer = client.post("/v1/auth/refresh", {"refresh": refresh}, content_type="application/json")
    return answer.status_code, answer.json()


@pytest.mark.django_db
def test_a_new_secret_key_logs_nobody_out(client, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the old one, long enough for a hash of 256", []
    owner = owner_of(make_org())
    browser, login = logged_in(owner), log_in(email=owner.email, password=PASSWORD)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the new one, long enough for a hash of 256"
    assert browser.get("/").status_code == 200
    assert client.get(ME, headers=bearing(login.access)).status_code == 200
    status, renewed = refreshed(client, login.refresh)
    assert status == 200
    # Whoever came by since then does not need the old one any more.
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get("/").status_code == 200
    assert client.get(ME, headers=bearing(renewed["access"])).status_code == 200
    assert refreshed(client, renewed["refresh"])[0] == 200
    assert client.get(ME, headers=bearing(login.access)).status_code == 401


@pytest.mark.django_db
def test_a_key_that_was_taken_away_opens_nothing(client, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the old one, long enough for a hash of 256", []
    owner = owner_of(make_org())
    browser, login = logged_in(owner), log_in(email=owner.email, password=PASSWORD)
    settings.SECRET_KEY = "the new one, long enough for a hash of 256"
    settings.SECRET_KEY_FALLBACKS = ["another one, long enough for a hash of 256"]
    assert browser.get("/").status_code == 302
    assert client.get(ME, headers=bearing(login.access)).status_code == 401
    assert refreshed(client, login.refresh)[0] == 401


@pytest.mark.django_db
def test_a_new_pepper_locks_nobody_out(client, settings):
    settings.VISANT_KEY_PEPPERS = {1: b"old"}
    org = make_org()
    device, key = make_device(org)
    _, token = create_token(membership=org.memberships.get(), name="Script", access="read")
    settings.VISANT_KEY_PEPPERS = {1: b"old", 2: b"new"}
    sent = client.post("/v1/captures", make_jpeg(), content_type="image/jpeg", headers={"X-API-Key": key})
    assert sent.status_code == 201
    assert client.get(ME, headers=bearing(token)).status_code == 200
    assert device.keys.get().pepper_id == 1


@pytest.mark.once
@pytest.mark.django_db
def test_s3_keys_take_turns_so_that_they_change_without_an_outage(client, s3, settings, tmp_path):
    """Processes start anew with the second while the first still holds; then the first goes."""
    _, key = make_device()
    old, new = ("VISANT", KEYS["VISANT"]), ("SECOND", "the second secret of the tests")

    def send(number: int) -> int:
        where, headers = f"/v1/captures?record_id=r{number}", {"X-API-Key": key}
        return client.post(where, make_jpeg(number), content_type="image/jpeg", headers=headers).status_code

    def started_anew_with(access_key: str, secret_key: str) -> None:
        keep_in(s3, settings, var=tmp_path, access_key=access_key, secret_key=secret_key)

    def fetched(url: str) -> int:
        return requests.get(url, timeout=5).status_code

    assert send(1) == 201
    picture = Capture.unscoped.get().storage_key
    old_url = picture_url(picture)
    s3.accept(dict([old, new]))
    assert send(2) == 201  # a process that was not started anew yet
    started_anew_with(*new)
    assert send(3) == 201
    new_url = picture_url(picture)
    assert "SECOND" in new_url
    assert (fetched(old_url), fetched(new_url)) == (200, 200)

    s3.accept(dict([new]))
    assert (fetched(old_url), fetched(new_url)) == (403, 200)
    assert send(4) == 201
    assert default_storage.open(picture).read() == make_jpeg(1)
    started_anew_with(*old)
    assert storage_trouble()[0].what == "S3 does not know the access key."
    assert send(5) == 503
    assert Capture.unscoped.count() == 4


@pytest.mark.skipif(os.environ.get("VISANT_TEST_DATABASE") != "postgresql", reason="SQLite has no passwords")
def test_two_roles_take_turns_so_that_the_database_password_changes_without_an_outage(tmp_path):
    """Both assume the role that owns the tables; one goes on working while the other gets a new password."""
    import psycopg

    admin_url = os.environ["VISANT_TEST_DATABASE_URL"]
    host = admin_url.rpartition("@")[2]
    roles = {name: f"{ROLE}_{name}" for name in ("a", "b")}

    def whoami(name: str, password: str) -> str:
        (tmp_path / "password").write_text(password)
        url = in_database(f"postgres://{roles[name]}@{host}", "postgres")
        mark = "&" if "?" in url else "?"
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-v0", "-c", WHOAMI],
            cwd=BASE_DIR,
            env={
                **os.environ,
                "DATABASE_URL": f"{url}{mark}assume_role={ROLE}",
                "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() or done.stderr

    with psycopg.connect(admin_url, autocommit=True) as admin:
        for role in roles.values():
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'first' IN ROLE {ROLE}")
        try:
            assert whoami("a", "first") == ROLE
            admin.execute(f"ALTER ROLE {roles['b']} PASSWORD 'second'")
            assert whoami("a", "first") == whoami("b", "second") == ROLE
        finally:
            for role in roles.values():
                admin.execute(f"DROP ROLE {role}")
