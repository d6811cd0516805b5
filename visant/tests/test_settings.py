"""What the environment says: read strictly, refused in a sentence, and never insecure by silence."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from visant.environment import parse_peppers, with_password

pytestmark = pytest.mark.once

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` with nothing of ours in the environment but what is given."""
    return run(folder, str(BASE_DIR / "manage.py"), *(arguments or ("check",)), **environment)


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = ("VISANT_", "DATABASE_", "REDIS_", "EMAIL_", "SECRET_KEY", "DEBUG", "PORT", "WEB_PROCESSES", "DJANGO_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env={**clean, "VISANT_VAR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def read(folder: Path, expression: str, **environment: str) -> str:
    """What the settings say; they alone are loaded, which is a third of what it takes to load the apps, too."""
    code = f"from django.conf import settings; print(repr(({expression})))"
    done = run(folder, "-c", code, DJANGO_SETTINGS_MODULE="visant.settings", **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WRONG = [
    ("DEBUG", "maybe", "true or false"),
    ("VISANT_MIGRATE", "perhaps", "true or false"),
    ("PORT", "0", "1 and less than or equal to 65535"),
    ("PORT", "65536", "1 and less than or equal to 65535"),
    ("PORT", "abc", "a whole number"),
    ("WEB_PROCESSES", "0", "1 and less than or equal to 256"),
    ("VISANT_WEB_THREADS", "many", "a whole number"),
    ("VISANT_WORKERS", "-1", "1 and less than or equal to 64"),
    ("VISANT_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
    ("VISANT_LOG_FORMAT", "xml", "text, json"),
    ("VISANT_METRICS_TOKEN", "short", "at least 16 characters"),
    ("VISANT_MAX_PICTURE_MB", "0", "1 and less than or equal to 1024"),
    ("VISANT_MAX_MEGAPIXELS", "151", "1 and less than or equal to 150"),
    ("VISANT_URL", "foo", "like https://visant.example.org"),
    ("VISANT_URL", "ftp://visant.example.org", "like https://visant.example.org"),
    ("DATABASE_URL", "nonsense", "like postgres://user:password@host:5432/name"),
    ("DATABASE_URL", "nonsense://host/name", "like postgres://user:password@host:5432/name"),
    ("DATABASE_URL", "mysql://user@localhost/name", "PostgreSQL or SQLite"),
    ("DATABASE_POOL_MAX", "0", "1 and less than or equal to 1000"),
    ("EMAIL_URL", "mail.example.org", "like submission://user:password@mail.example.org:587"),
    ("EMAIL_URL", "gopher://mail.example.org", "like submission://user:password@mail.example.org:587"),
    ("VISANT_EMAIL_VERIFICATION", "always", "mandatory, optional"),
    ("VISANT_SIGNUP", "closed", "open, invited"),
    ("VISANT_OIDC_URL", "https://id.example.org", "needs VISANT_OIDC_CLIENT_ID and VISANT_OIDC_CLIENT_SECRET"),
    ("VISANT_KEY_PEPPERS", "one:secret", "like 1:secret,2:secret"),
    ("VISANT_KEY_PEPPERS", "1:secret,1:other", "each number once"),
    ("VISANT_TRUSTED_PROXIES", "10.0.0.1/33", "like 192.0.2.1,10.0.0.0/8"),
    ("VISANT_TRUSTED_PROXIES", "proxy.example", "like 192.0.2.1,10.0.0.0/8"),
    ("VISANT_LIMIT_LOGIN_ACCOUNT", "often", "like 30/5m"),
    ("VISANT_LIMIT_UPLOAD_KEY", "0/m", "like 30/5m"),
    ("VISANT_LIMIT_UPLOAD_KEY", "5/", "like 30/5m"),
    ("VISANT_LIMIT_LOGON_ACCOUNT", "5/m", "did you mean VISANT_LIMIT_LOGIN_ACCOUNT?"),
    ("REDIS_URL", "http://localhost", "like redis://host:6379/0"),
    ("VISANT_STORAGE", "ftp", "filesystem, s3"),
    ("VISANT_STORAGE", "s3", "VISANT_S3_BUCKET names no bucket"),
    ("VISANT_STORAGE_FALLBACK", "filesystem", "another one than VISANT_STORAGE"),
    ("VISANT_ACCEL_REDIRECT", "protected", "like /protected/"),
    ("VISANT_TYPO", "1", "allowed are"),
    ("VISANT_WORKER", "2", "did you mean VISANT_WORKERS?"),
    ("SECRET_KEY_FILE", "/nowhere/at/all", "cannot be read (No such file or directory)"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_stops_the_start_with_a_sentence(tmp_path, name, value, allowed):
    done = start(tmp_path, **{name: value})
    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("Visant cannot start: ")
    assert name in line
    assert allowed in line


def test_a_pool_larger_at_least_than_at_most_is_refused(tmp_path):
    pool = {"DATABASE_POOL_MIN": "9", "DATABASE_POOL_MAX": "3"}
    done = start(tmp_path, DATABASE_URL="postgres://localhost/visant", **pool)
    assert done.stderr == ("Visant cannot start: DATABASE_POOL_MIN must not be larger than DATABASE_POOL_MAX.\n")
    assert done.returncode != 0


def test_it_starts_with_nothing_and_debug_is_off(tmp_path):
    done = start(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shown = "settings.DEBUG, settings.DATABASES['default']['NAME'], settings.PORT"
    assert read(tmp_path, shown) == repr((False, str(tmp_path / "visant.sqlite3"), 8000))


def test_variables_of_the_camera_and_of_tests_may_stand_beside(tmp_path):
    assert start(tmp_path, VISANT_CAMERA_KEY="x", VISANT_TEST_DATABASE="sqlite").returncode == 0


def test_secrets_are_made_at_the_first_start_and_kept(tmp_path):
    folder, names = tmp_path / "deep" / "var", ["key_peppers", "secret_key"]
    assert start(folder).returncode == 0
    made = {name: (folder / name).read_text() for name in names}
    assert all(len(secret.strip()) >= 50 for secret in made.values())
    assert {(folder / name).stat().st_mode & 0o777 for name in names} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == names
    assert start(folder).returncode == 0
    assert {name: (folder / name).read_text() for name in names} == made
    assert start(tmp_path / "other").returncode == 0
    assert [name for name in names if (tmp_path / "other" / name).read_text() == made[name]] == []


def test_a_secret_comes_from_a_file(tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    assert read(tmp_path, "settings.SECRET_KEY", SECRET_KEY_FILE=str(tmp_path / "key")) == "'from a file'"
    assert not (tmp_path / "secret_key").exists()


def test_a_secret_given_twice_is_refused(tmp_path):
    (tmp_path / "key").write_text("from a file")
    done = start(tmp_path, SECRET_KEY="given", SECRET_KEY_FILE=str(tmp_path / "key"))
    sentence = "Visant cannot start: SECRET_KEY and SECRET_KEY_FILE are both set: set one of them.\n"
    assert (done.returncode != 0, done.stderr) == (True, sentence)


SECRETS = {
    "DATABASE_URL": ("postgres://me:word@db/visant", "settings.DATABASES['default']['PASSWORD']", "word"),
    "EMAIL_URL": ("submission://me:word@mail.example.org", "settings.EMAIL_HOST_PASSWORD", "word"),
    "REDIS_URL": (
        "redis://:word@redis:6379/0",
        "settings.CACHES['default']['LOCATION']",
        "redis://:word@redis:6379/0",
    ),
    "SECRET_KEY_FALLBACKS": ("one,\ntwo", "settings.SECRET_KEY_FALLBACKS", ["one", "two"]),
    "VISANT_KEY_PEPPERS": ("1:one,2:two", "settings.VISANT_KEY_PEPPERS", {1: b"one", 2: b"two"}),
    "VISANT_METRICS_TOKEN": ("sixteen-letters-", "settings.VISANT_METRICS_TOKEN", "sixteen-letters-"),
}


def test_every_secret_comes_from_a_file_too(tmp_path):
    given = {}
    for name, (value, _, _) in SECRETS.items():
        (tmp_path / name).write_text(f"{value}\n")
        given[f"{name}_FILE"] = str(tmp_path / name)
    shown = ", ".join(shown for _, shown, _ in SECRETS.values())
    assert read(tmp_path, shown, **given) == repr(tuple(expected for _, _, expected in SECRETS.values()))


def test_every_secret_is_named_with_its_file_and_described(tmp_path):
    """What settings.py reads by ``find_secret`` or ``read_secret`` is all there is."""
    names = set(re.findall(r'(?:find|read)_secret\(env, "(\w+)"', (BASE_DIR / "visant/settings.py").read_text()))
    example = (BASE_DIR / ".env.example").read_text()
    secrets = (BASE_DIR / "docs/secrets.md").read_text()
    assert names >= {*SECRETS, "SECRET_KEY", "DATABASE_PASSWORD", "REDIS_PASSWORD", "VISANT_OIDC_CLIENT_SECRET"}
    assert {name for name in names if f"\n#{name}=" not in example or f"\n#{name}_FILE=" not in example} == set()
    assert {name for name in names if f"`{name}`" not in secrets} == set()
    refused = start(tmp_path, **{f"{name}_FILE": "/nowhere" for name in names})
    assert "cannot be read" in refused.stderr  # and none of them is unknown


def test_a_password_may_come_apart_from_its_url(tmp_path):
    (tmp_path / "password").write_text("p@s:s/w%\n")
    parts = "tuple(settings.DATABASES['default'][name] for name in ('USER', 'PASSWORD', 'HOST', 'PORT'))"
    given = {"DATABASE_URL": "postgres://visant@db:5432/visant"}
    given["DATABASE_PASSWORD_FILE"] = str(tmp_path / "password")
    assert read(tmp_path, parts, **given) == "('visant', 'p@s:s/w%', 'db', 5432)"


@pytest.mark.parametrize(
    ("url", "complete"),
    [
        ("redis://redis:6379/0", "redis://:p%40s@redis:6379/0"),
        ("rediss://me@redis/1", "rediss://me:p%40s@redis/1"),
        ("postgres://me@/visant?host=/run/postgresql", "postgres://me:p%40s@/visant?host=/run/postgresql"),
    ],
)
def test_a_password_is_put_where_it_belongs(url, complete):
    assert with_password("ANY", url, "p@s") == complete
    assert with_password("ANY", url, "") == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://me:one@db/x", "DATABASE_PASSWORD is set, and DATABASE_URL has one, too: set one of them."),
        ("", "DATABASE_PASSWORD is set, but DATABASE_URL names no server."),
        ("postgres://[", "DATABASE_URL is not understood."),
    ],
)
def test_a_password_that_belongs_nowhere_is_refused(url, sentence):
    with pytest.raises(ImproperlyConfigured) as refused:
        with_password("DATABASE", url, "two")
    assert str(refused.value) == sentence


@pytest.mark.parametrize(("content", "sentence"), [(b"\n", "is empty"), (b"\xff\xfe\x00", "is not a text")])
def test_a_file_without_a_secret_is_refused(tmp_path, content, sentence):
    (tmp_path / "key").write_bytes(content)
    done = start(tmp_path, SECRET_KEY_FILE=str(tmp_path / "key"))
    assert done.stderr == (
        f"Visant cannot start: SECRET_KEY_FILE: {tmp_path / 'key'} {sentence}; it must hold the secret.\n"
    )


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    done = start(tmp_path / "file")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Visant cannot start: VISANT_VAR: {tmp_path / 'file'} cannot be written (")


def test_peppers_are_read_in_order():
    assert parse_peppers("only") == {1: b"only"}
    assert list(parse_peppers("2:new, 1:old ").items()) == [(2, b"new"), (1, b"old")]


def test_the_deployment_check_finds_nothing_behind_https(tmp_path):
    deploy = ("check", "--deploy", "--fail-level", "WARNING")
    in_front = {"VISANT_URL": "https://visant.example.org", "VISANT_TRUSTED_PROXIES": "127.0.0.1"}
    done = start(tmp_path, *deploy, **in_front)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (3 silenced).\n"), done.stderr


def test_the_deployment_check_misses_a_trusted_server_in_front_of_https(tmp_path):
    done = start(tmp_path, "check", "--deploy", VISANT_URL="https://visant.example.org")
    assert "(visant.W001) VISANT_URL is https, but VISANT_TRUSTED_PROXIES names no server" in done.stderr


def test_cookies_are_for_https_only_behind_https(tmp_path):
    shown = "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.ALLOWED_HOSTS"
    assert read(tmp_path, shown, VISANT_URL="https://visant.example.org:8443") == repr(
        (True, True, ["127.0.0.1", "[::1]", "localhost", "visant.example.org"])
    )


def test_a_mail_server_makes_verifying_mandatory_unless_said_otherwise(tmp_path):
    what = "settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS, settings.ACCOUNT_EMAIL_VERIFICATION"
    server = {"EMAIL_URL": "submission://me:pass%40word@mail.example.org"}
    assert read(tmp_path, what, **server) == "('mail.example.org', 587, True, 'mandatory')"
    assert read(tmp_path, "settings.EMAIL_HOST_PASSWORD", **server) == "'pass@word'"
    assert read(tmp_path, what, **server, VISANT_EMAIL_VERIFICATION="optional").endswith("'optional')")
    what = "settings.EMAIL_BACKEND, settings.ACCOUNT_EMAIL_VERIFICATION"
    assert read(tmp_path, what, EMAIL_URL="") == "('django.core.mail.backends.console.EmailBackend', 'optional')"


def test_the_secret_of_single_sign_on_comes_from_a_file_too(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    given = {"VISANT_OIDC_URL": "https://id.example.org", "VISANT_OIDC_CLIENT_ID": "visant"}
    apps = read(
        tmp_path,
        "settings.SOCIALACCOUNT_PROVIDERS['openid_connect']['APPS'][0]",
        **given,
        VISANT_OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
    )
    assert "'secret': 's3cret'" in apps
    assert read(tmp_path, "settings.SOCIALACCOUNT_PROVIDERS", VISANT_OIDC_URL="") == "{}"
