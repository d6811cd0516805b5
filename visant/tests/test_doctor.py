"""``manage.py doctor`` names what is wrong, and how it is mended; exit code 1 when something is red."""

import io
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from captures.integrity.findings import note_finding
from captures.integrity.runs import UPKEEP_HELD
from captures.models import HousekeepingRun, RetentionPolicy
from tests.builders import make_capture, make_org
from tests.postgresql import ROLE, in_database
from tests.redis_server import RedisServer
from tests.server import BASE_DIR
from visant import heartbeats
from visant.backup.secret_marks import note_peppers
from visant.checks import BACKUP_HINT
from visant.models import Heartbeat

PARTS = {
    *("database", "schema", "storage", "redis", "worker", "scheduler"),
    *("queue", "url", "proxies", "mail", "disk", "secrets", "backup", "upkeep"),
}


def examine(**options: bool) -> tuple[int, dict[str, dict[str, str]]]:
    """Run it here; return the exit code and the findings by their part."""
    out, code = io.StringIO(), 0
    try:
        call_command("doctor", json=True, stdout=out, **options)
    except SystemExit as ended:
        code = int(str(ended.code))
    answer = json.loads(out.getvalue())
    assert answer["ok"] == (code == 0)
    return code, {finding.pop("part"): finding for finding in answer["findings"]}


def run(folder: Path, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run it as an operator does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=BASE_DIR,
        env={**os.environ, "VISANT_VAR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, {finding.pop("part"): finding for finding in json.loads(done.stdout)["findings"]}


@pytest.fixture
def well(settings, tmp_path):
    """An installation that lacks nothing."""
    for kind in Heartbeat.Kind:
        heartbeats.beat(kind)
    settings.VISANT_URL, settings.VISANT_VAR = "https://visant.example.org", tmp_path
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    settings.EMAIL_URL, settings.EMAIL_BACKEND = "x", "django.core.mail.backends.dummy.EmailBackend"
    return tmp_path


@pytest.mark.django_db
def test_all_is_well_where_nothing_is_wrong(well):
    code, found = examine(strict=True)
    assert {part: finding["what"] for part, finding in found.items() if finding["state"] != "ok"} == {}
    assert (code, set(found) - {"clock"}) == (0, PARTS)


@pytest.mark.django_db
def test_it_reads_well(well):
    Heartbeat.objects.filter(kind="worker").delete()
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    assert "ok      redis: " in out.getvalue()
    at = lines.index("error   worker: None is running.")
    assert lines[at + 1].startswith("        → Start one: manage.py worker")


@pytest.mark.django_db
def test_a_warning_counts_only_when_asked_to_be_strict(well, settings):
    settings.VISANT_URL = "http://visant.example.org"
    code, found = examine()
    assert (code, found["url"]["state"]) == (0, "warning")
    assert "clear text" in found["url"]["what"]
    assert examine(strict=True)[0] == 1


def test_the_first_start_is_told_what_is_missing(tmp_path):
    code, found = run(tmp_path, DATABASE_URL="")
    assert code == 1
    assert "migrations are not applied" in found["schema"]["what"]
    assert found["schema"]["fix"] == "Run manage.py migrate."
    assert found["queue"]["what"] == "Nothing is known of workers and scheduler."


@pytest.mark.django_db
def test_pending_migrations_are_red(well):
    MigrationRecorder.Migration.objects.filter(app="captures").latest("id").delete()
    code, found = examine()
    assert (code, found["schema"]["state"]) == (1, "error")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "value", "part", "said"),
    [
        ("TRUSTED_PROXIES", [], "proxies", "no server in front is trusted"),
        ("EMAIL_URL", "", "mail", "There is no mail server"),
        ("DEBUG", True, "secrets", "DEBUG is on"),
        ("VISANT_URL", "http://localhost:8000", "url", "open nothing from elsewhere"),
    ],
)
def test_what_the_settings_lack_is_told(well, settings, setting, value, part, said):
    setattr(settings, setting, value)
    found = examine()[1][part]
    assert said in found["what"]
    assert found["fix"]


@pytest.mark.django_db
def test_a_mail_server_that_is_away_is_red(well, settings):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = 1
    code, found = examine()
    assert (code, found["mail"]["state"]) == (1, "error")
    assert "127.0.0.1 port 1 takes no mail" in found["mail"]["what"]


@pytest.mark.django_db
def test_a_storage_that_cannot_be_written_is_red(well, settings):
    (well / "blocked").write_text("")
    settings.MEDIA_ROOT = well / "blocked"
    code, found = examine()
    assert (code, found["storage"]["state"]) == (1, "error")
    assert found["storage"]["fix"]


@pytest.mark.django_db
def test_a_pepper_that_is_not_that_of_the_keys_is_red(well, settings):
    settings.VISANT_KEY_PEPPERS = {1: b"one" * 20}
    note_peppers()
    settings.VISANT_KEY_PEPPERS = {1: b"one" * 20, 2: b"two" * 20}
    assert examine()[1]["secrets"]["state"] == "ok"
    note_peppers()
    settings.VISANT_KEY_PEPPERS = {2: b"two" * 20}  # the first was taken out
    assert examine()[1]["secrets"]["state"] == "ok"
    settings.VISANT_KEY_PEPPERS = {1: b"one" * 20, 2: b"too" * 20}
    note_peppers()  # what stands there stays
    code, found = examine()
    sentence = "VISANT_KEY_PEPPERS 2 is not the secret that keys here were digested with: none of them opens."
    assert (code, found["secrets"]["what"]) == (1, sentence)


@pytest.mark.django_db
def test_secrets_that_others_may_read_are_red(well, monkeypatch):
    own, given = well / "secret_key", well / "redis"
    for path in (own, given):
        path.write_text("secret")
        path.chmod(0o600)
    monkeypatch.setenv("REDIS_URL_FILE", str(given))
    assert examine()[1]["secrets"]["state"] == "ok"
    given.chmod(stat.S_IRUSR | stat.S_IROTH)
    code, found = examine()
    assert (code, found["secrets"]["what"]) == (1, f"Others may read {given}.")


@pytest.mark.django_db
def test_redis_is_asked(well, settings, tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_URL = server.url
    assert examine()[1]["redis"]["what"] == "It answers."
    server.stop()
    code, found = examine()
    assert (code, found["redis"]["state"]) == (1, "error")


@pytest.mark.skipif(os.environ.get("VISANT_TEST_DATABASE") != "postgresql", reason="SQLite has no server")
class TestPostgreSQL:
    ADMIN = os.environ.get("VISANT_TEST_DATABASE_URL", "")

    @pytest.mark.parametrize(
        ("url", "said", "fix"),
        [
            ("postgres://nobody@{host}", "PostgreSQL knows no role nobody.", "CREATE ROLE nobody"),
            (f"postgres://{ROLE}@{{host_of_nowhere}}", "There is no database nowhere.", "CREATE DATABASE nowhere"),
            (
                "postgres://me@127.0.0.1:1/visant",
                "Nothing answers at 127.0.0.1 port 1",
                "See that PostgreSQL runs",
            ),
            ("postgres://me@visant.invalid/visant", "is not known here", "Look at the host"),
        ],
    )
    def test_each_refusal_is_told_from_the_others(self, tmp_path, url, said, fix):
        host = self.ADMIN.rpartition("@")[2]
        elsewhere = in_database(self.ADMIN, "nowhere").rpartition("@")[2]
        code, found = run(tmp_path, DATABASE_URL=url.format(host=host, host_of_nowhere=elsewhere))
        assert (code, found["database"]["state"]) == (1, "error")
        assert said in found["database"]["what"]
        assert fix in found["database"]["fix"]

    def test_a_superuser_is_red(self, tmp_path):
        code, found = run(tmp_path, DATABASE_URL=self.ADMIN)
        assert (code, found["database"]["state"]) == (1, "error")
        assert "Row-level security does not bind the database role" in found["database"]["what"]


@pytest.mark.django_db
def test_a_backup_that_is_lacking_is_no_fault_of_the_database(well, settings):
    settings.DEBUG = False
    make_org(created_at=timezone.now() - timedelta(days=8))
    code, found = examine()
    assert (code, found["database"]["state"]) == (0, "ok")
    assert found["backup"] == {
        "state": "warning",
        "what": "There is no backup of this installation.",
        "fix": BACKUP_HINT,
    }


@pytest.mark.django_db
def test_pictures_that_are_not_what_they_were_are_red(well):
    for problem in ("missing", "damaged", "damaged"):
        note_finding(make_capture(), problem)
    code, said = findings_of("upkeep")
    assert (code, said) == (1, [("error", "1 picture is missing."), ("error", "2 pictures are damaged.")])


@pytest.mark.django_db
def test_what_is_held_is_told_and_not_that_it_is_late(well):
    org = make_org(created_at=timezone.now() - timedelta(days=5))
    RetentionPolicy.unscoped.create(org=org, days=30)
    HousekeepingRun.objects.create(job=UPKEEP_HELD, day=timezone.now().date())
    held = "Since a restore nothing is swept or pruned, nor an organization deleted."
    assert findings_of("upkeep") == (0, [("warning", held), ("warning", "integrity never ran.")])


@pytest.mark.django_db
def test_a_nightly_job_that_is_overdue_or_failed_is_told(well):
    now = timezone.now()
    org = make_org(created_at=now - timedelta(days=5))
    assert findings_of("upkeep") == (0, [("warning", "sweep never ran."), ("warning", "integrity never ran.")])
    day = now.astimezone(UTC).date()
    for job, ago in (("sweep", 2), ("integrity", 1)):
        ended = {"finished_at": now, "error": "The storage does not answer."}
        HousekeepingRun.objects.create(job=job, day=day - timedelta(days=ago), **ended)
    failed = f"integrity failed on {day - timedelta(days=1)}: The storage does not answer."
    late = f"sweep ran last on {day - timedelta(days=2)}, though it has a turn each day."
    assert findings_of("upkeep") == (0, [("warning", late), ("warning", failed)])
    HousekeepingRun.objects.all().delete()
    RetentionPolicy.unscoped.create(org=org, days=30)
    assert ("warning", f"prune has left out a night of {org.slug}.") in findings_of("upkeep")[1]
    HousekeepingRun.objects.create(job="prune", subject=str(org.pk), day=day, finished_at=now)
    assert "prune" not in str(findings_of("upkeep"))


def findings_of(part: str) -> tuple[int, list[tuple[str, str]]]:
    """All of one part; each says what is to be done."""
    out, code = io.StringIO(), 0
    try:
        call_command("doctor", json=True, stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    found = [finding for finding in json.loads(out.getvalue())["findings"] if finding["part"] == part]
    assert all(finding["fix"] for finding in found)
    return code, [(finding["state"], finding["what"]) for finding in found]
