"""The processes of a running Visant, and the supervisor that keeps them up.

supervisord starts again what dies, as workers do while their database restarts; on SIGINT or SIGTERM it stops
all of them within ten seconds.
"""

import configparser
import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command

from visant.schema import pending_migrations

# Told to stop, a program may finish what it is at for this long; then it is killed, and nothing is lost by it.
# With what the supervisor takes, on a busy machine, too, that is within ten seconds.
STOP_SECONDS = 6
# With these many retries, one a second and then rarer, an outage of a day is outlived.
RETRIES = 100_000
# Cameras that come back all at once, as after a restart, wait in a row this long.
BACKLOG = 4096
# Longer than a server in front keeps a connection open that it may use again (nginx: 60 s).
KEEP_ALIVE_SECONDS = 75


class Program(NamedTuple):
    name: str
    command: Sequence[str]
    copies: int = 1


def programs() -> list[Program]:
    """Web server, workers and scheduler, as production runs them on one host."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    return [
        Program("web", web_command()),
        Program("worker", [*manage, "worker"], copies=settings.VISANT_WORKERS),
        Program("scheduler", [*manage, "scheduler"]),
    ]


def web_command(*, host: str = "", port: int = 0, processes: int = 0) -> list[str]:
    """The server that answers requests and holds streams; what is not given is as the settings have it."""
    options = {
        "--host": host or settings.VISANT_HOST,
        "--port": port or settings.PORT,
        "--workers": processes or settings.WEB_PROCESSES,
        "--loop": "uvloop",
        "--http": "visant.heads:BoundedHeads",
        "--ws": "none",
        "--lifespan": "on",
        "--backlog": BACKLOG,
        "--timeout-keep-alive": KEEP_ALIVE_SECONDS,
        "--timeout-graceful-shutdown": STOP_SECONDS - 2,
        # A busy process must not be taken for a dead one.
        "--timeout-worker-healthcheck": 30,
        "--log-level": "warning",
    }
    # Whom to believe about the caller's address is decided in visant/proxies.py.
    flags = ["--no-access-log", "--no-server-header", "--no-proxy-headers"]
    return [sys.executable, "-m", "uvicorn", *_flags(options), *flags, "visant.asgi:application"]


def _flags(options: Mapping[str, object]) -> list[str]:
    return [text for name, value in options.items() for text in (name, str(value))]


def prepare(*, migrate: bool) -> None:
    """See that the port is free, the schema is ours and the static files are in place; else a CommandError."""
    _refuse_taken_port(settings.PORT)
    if migrate:
        call_command("migrate", verbosity=0)
    else:
        _refuse_other_schema()
        warn_of_the_database("default")
    prepare_static()
    prepare_metrics(Path(settings.VISANT_VAR) / "metrics")


def prepare_static() -> None:
    """Collect the static files, unless that was done when an image was built."""
    if not settings.VISANT_STATIC_ROOT:
        call_command("collectstatic", interactive=False, verbosity=0)


def prepare_metrics(folder: Path | None = None) -> None:
    """Give the processes started from here a folder to count in together, empty at first (visant/metrics.py).

    Without one it is under the temporary folder: what runs on several hosts must not share it.
    """
    if folder is None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="visant-metrics-")
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def supervise(wanted: Sequence[Program]) -> None:
    """Become the supervisor of these programs. Does not return."""
    _make_output_reopenable()
    path = Path(settings.VISANT_VAR) / "supervisord.conf"
    with path.open("w") as file:
        _configuration(wanted).write(file)
    sys.stdout.flush()
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, [sys.executable, "-m", "supervisor.supervisord", "-c", str(path)])  # noqa: S606


def _make_output_reopenable() -> None:
    """Put a pipe where supervisord, which opens its output anew for each program, would fail or do harm.

    A socket (systemd's journal) cannot be opened; a file would be cut off, and written over by each program.
    """
    mode = os.fstat(1).st_mode
    if stat.S_ISSOCK(mode) or stat.S_ISREG(mode):
        end, beginning = os.pipe()
        subprocess.Popen(["/bin/cat"], stdin=end, start_new_session=True)
        os.dup2(beginning, 1)
        os.dup2(beginning, 2)


def _configuration(wanted: Sequence[Program]) -> configparser.RawConfigParser:
    configuration = configparser.RawConfigParser()
    configuration["supervisord"] = {
        "nodaemon": "true",
        "logfile": "/dev/null",
        "logfile_maxbytes": "0",
        "pidfile": str(Path(settings.VISANT_VAR) / "supervisord.pid"),
        "user": str(os.getuid()),
    }
    for program in wanted:
        configuration[f"program:{program.name}"] = {
            "command": shlex.join(program.command).replace("%", "%%"),
            "numprocs": str(program.copies),
            "process_name": "%(program_name)s-%(process_num)d",
            "autorestart": "true",
            "startretries": str(RETRIES),
            "stopwaitsecs": str(STOP_SECONDS),
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": "/dev/fd/1",
            "stdout_logfile_maxbytes": "0",
        }
    return configuration


def warn_of_the_database(alias: str) -> None:
    """Say what ``migrate`` says, too: above all when row-level security does not bind our role."""
    for message in run_checks(tags=[Tags.database], databases=[alias]):
        sys.stderr.write(f"{message}\n")


def _refuse_taken_port(port: int) -> None:
    family = socket.AF_INET6 if ":" in settings.VISANT_HOST else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.VISANT_HOST, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {settings.VISANT_HOST} port {port} ({error.strerror}). Set PORT to a free one."
            ) from error


def _refuse_other_schema() -> None:
    pending = pending_migrations()
    if pending:
        raise CommandError(
            f"The database lacks {len(pending)} migrations (the next is {pending[0]}). "
            "Run manage.py migrate, or start with VISANT_MIGRATE=1."
        )
