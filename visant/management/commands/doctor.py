import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from visant.doctor.data import look_at_database, look_at_storage
from visant.doctor.findings import Finding, State
from visant.doctor.machine import look_at_disk, look_at_processes, look_at_redis, look_at_secrets
from visant.doctor.outside import look_at_mail, look_at_proxies, look_at_url
from visant.doctor.upkeep import look_at_backup, look_at_upkeep

LOOKS: list[Callable[[], Iterator[Finding]]] = [
    look_at_database,
    look_at_storage,
    look_at_redis,
    look_at_processes,
    look_at_url,
    look_at_proxies,
    look_at_mail,
    look_at_disk,
    look_at_secrets,
    look_at_backup,
    look_at_upkeep,
]
MARKS = {State.OK: "ok     ", State.WARNING: "warning", State.ERROR: "error  "}


class Command(BaseCommand):
    help = "Look at every part of the installation, and say what is wrong and how it is mended. Changes nothing."
    # What they would say stands in the findings, and a wrong storage must not keep us from looking.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one object: ok, and the findings")
        parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")

    def handle(self, *, strict: bool, **options: Any) -> None:
        # What the pool tries in vain is told by a finding, and not once for each try.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        findings = [finding for look in LOOKS for finding in look()]
        bad = {State.ERROR, State.WARNING} if strict else {State.ERROR}
        ok = not any(finding.state in bad for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}))
        else:
            for finding in findings:
                self._tell(finding)
        if not ok:
            sys.exit(1)

    def _tell(self, finding: Finding) -> None:
        styles = {
            State.OK: self.style.SUCCESS,
            State.WARNING: self.style.WARNING,
            State.ERROR: self.style.ERROR,
        }
        self.stdout.write(f"{styles[finding.state](MARKS[finding.state])} {finding.part}: {finding.what}")
        if finding.fix:
            self.stdout.write(f"        → {finding.fix}")
