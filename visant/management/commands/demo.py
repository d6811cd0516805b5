import io
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from orgs import scope
from orgs.commands import VisantCommand
from visant.processes import Program, prepare, programs, supervise

OWNER = "demo@visant.example"
INTERVAL_SECONDS = 3


class Command(VisantCommand):
    help = "Show Visant at work: a demo organization, and a camera that looks at a painted yard."

    def handle(self, **options: Any) -> None:
        self.stdout.write("Preparing the database …")
        self.stdout.flush()
        prepare(migrate=True)
        folder = Path(settings.VISANT_VAR) / "demo"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_there(folder):
            self._found(folder)
        self.stdout.write(
            "Starting web server, worker, scheduler and one camera, "
            f"which takes a picture every {INTERVAL_SECONDS} s.\n"
            f"Visant is at {settings.VISANT_URL} (log in as {OWNER}). Ctrl-C stops all of it."
        )
        supervise([*programs(), self._camera(folder)])

    def _is_there(self, folder: Path) -> bool:
        """Whether an earlier run made the demo in this very database."""
        note = folder / "device"
        devices = apps.get_model("devices.Device").unscoped
        with scope.across_organizations("the demo's camera is looked for, whoever has it"):
            return note.exists() and devices.filter(pk=note.read_text()).exists()

    def _found(self, folder: Path) -> None:
        password = secrets.token_urlsafe(12)
        users = apps.get_model("orgs.User").objects
        known = users.filter(email=OWNER).exists()
        org = self._call("create_organization", password, name="Demo", owner=OWNER, password_stdin=True)
        if not known:
            self.stdout.write(self.style.SUCCESS(f"The owner's password, shown this once: {password}"))
        device = self._call("add_device", org=org["slug"], name="Yard")
        (folder / "key").touch(mode=0o600)
        (folder / "key").write_text(device["key"])
        (folder / "device").write_text(device["id"])
        self.stdout.write(f"Made the organization Demo with the owner {OWNER} and the camera Yard.")

    def _call(self, command: str, stdin: str = "", **options: Any) -> dict[str, str]:
        """Call a command of an app by its name, and return what it prints as JSON."""
        out = io.StringIO()
        before, sys.stdin = sys.stdin, io.StringIO(stdin + "\n")
        try:
            call_command(command, json=True, stdout=out, **options)
        finally:
            sys.stdin = before
        answer: dict[str, str] = json.loads(out.getvalue())
        return answer

    def _camera(self, folder: Path) -> Program:
        here = settings.VISANT_HOST if settings.VISANT_HOST not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
        options = {
            "--url": f"http://{here}:{settings.PORT}",
            "--key-file": folder / "key",
            "--source": "scene:yard",
            "--interval": INTERVAL_SECONDS,
            "--spool": folder / "spool",
        }
        flags = [text for name, value in options.items() for text in (name, str(value))]
        return Program("camera", [sys.executable, "-m", "visant_camera", *flags])
