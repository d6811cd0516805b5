"""This machine: room on its disk, its secrets, its memory that is shared; and what works behind the scenes."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError

from visant import health
from visant.backup.secret_marks import wrong_peppers
from visant.doctor.findings import Finding, error, fine, warning
from visant.errors import DATABASE_DOWN
from visant.models import Heartbeat

DISK, SECRETS, REDIS, QUEUE = "disk", "secrets", "redis", "queue"
LOW_BYTES, LOW_SHARE = 5 * 1024**3, 0.05
FULL_BYTES = 512 * 1024**2
OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO
# Secrets handed in by an orchestrator lie in memory, under its own rights.
HANDED_IN = ("/run/", "/var/run/", "/mnt/")


def look_at_disk() -> Iterator[Finding]:
    usage = shutil.disk_usage(settings.VISANT_VAR)
    what = f"{usage.free / 1024**3:.1f} GB of {usage.total / 1024**3:.1f} GB are free in {settings.VISANT_VAR}."
    fix = "Make room, shorten how long pictures are kept, or move them to S3."
    if not os.access(settings.VISANT_VAR, os.W_OK):
        yield error(DISK, f"{settings.VISANT_VAR} cannot be written.", "Set VISANT_VAR to a folder of ours.")
    elif usage.free < FULL_BYTES:
        yield error(DISK, what, fix)
    elif usage.free < LOW_BYTES and usage.free < usage.total * LOW_SHARE:
        yield warning(DISK, what, fix)
    else:
        yield fine(DISK, what)


def look_at_secrets() -> Iterator[Finding]:
    """Files of secrets that others than their owner may read, and peppers that are not those of the keys."""
    made = [Path(settings.VISANT_VAR) / name for name in ("secret_key", "key_peppers")]
    given = [Path(value) for name, value in os.environ.items() if name.endswith("_FILE") and _is_secret(name)]
    readable = [
        str(path)
        for path in (*made, *given)
        if path.is_file() and not str(path).startswith(HANDED_IN) and path.stat().st_mode & OTHERS_MAY_READ
    ]
    for path in readable:
        yield error(
            SECRETS, f"Others may read {path}.", f"chmod 600 {path}; if others were there, replace the secret."
        )
    wrong = _wrong_peppers()
    for name in wrong:
        what = f"{name} is not the secret that keys here were digested with: none of them opens."
        yield error(SECRETS, what, "Give back the one it was (docs/secrets.md), to all processes and hosts.")
    if settings.DEBUG:
        yield error(SECRETS, "DEBUG is on: error pages show settings and rows.", "Unset DEBUG.")
    if not readable and not wrong and not settings.DEBUG:
        yield fine(SECRETS, "Only their owner may read them.")


def _wrong_peppers() -> list[str]:
    try:
        return wrong_peppers()
    except (DatabaseError, *DATABASE_DOWN):
        return []  # what is wrong with the database is told for itself


def _is_secret(name: str) -> bool:
    return name.startswith(("VISANT_", "SECRET_KEY", "DATABASE_", "REDIS_", "EMAIL_")) and "_CA_" not in name


def look_at_redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        several = settings.WEB_PROCESSES > 1
        text = "Not used: each web process counts rate limits for itself" + (
            ", so they are as many times larger." if several else "."
        )
        yield fine(REDIS, text)
        return
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3).ping()
    except redis.AuthenticationError:
        yield error(
            REDIS, "Redis refuses the password.", "Set REDIS_PASSWORD, or the password in REDIS_URL, to its own."
        )
    except (redis.RedisError, OSError) as away:
        fix = "See that it runs and REDIS_URL is right. Meanwhile rate limits count in each process for itself."
        yield error(REDIS, f"It does not answer: {away}", fix)
    else:
        yield fine(REDIS, "It answers.")


def look_at_processes() -> Iterator[Finding]:
    commands = {Heartbeat.Kind.WORKER: "manage.py worker", Heartbeat.Kind.SCHEDULER: "manage.py scheduler"}
    try:
        for kind, command in commands.items():
            state = health.process_state(kind)
            fix = f"Start one: {command} (make serve does so by itself); its log says why it ended."
            yield (
                fine(kind, "At least one is running.")
                if state == health.OK
                else error(kind, _sentence(state), fix)
            )
        behind = health.queue_state()
    except (DatabaseError, *DATABASE_DOWN):
        yield error(QUEUE, "Nothing is known of workers and scheduler.", "Mend the database and its schema first.")
        return
    fix = "See that workers run, and start more: VISANT_WORKERS, or more containers."
    yield (
        fine(QUEUE, "Pictures are judged in time.")
        if behind == health.OK
        else error(QUEUE, _sentence(behind), fix)
    )


def _sentence(state: str) -> str:
    return f"{state[0].upper()}{state[1:]}."
