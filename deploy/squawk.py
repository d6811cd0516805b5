"""Look over the SQL of migrations for what would stop a running Visant, with squawk.

The migrations run on a PostgreSQL made for it (that of VISANT_TEST_DATABASE_URL, else an embedded one); looked
at is what they really execute, RunPython included. ``python deploy/squawk.py``; status 1 when something is found.
"""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.intake import database, django_on, scratch  # noqa: E402

# Looked at is what came after these, the last ones of what is deployed; they move on with each release. Tables
# made after them are empty when they are changed, so that nobody waits.
RELEASED = {
    "orgs": "0006_model_names",
    "devices": "0007_walls_of_the_field",
    "captures": "0006_walls_of_the_calendar",
    "sharing": "",
}
# What Django writes by itself, or what migrate sees to.
EXCLUDED = {
    "require-timeout-settings": "manage.py migrate sets lock_timeout before each migration",
    "prefer-robust-stmts": "migrate records what was applied, in the same transaction",
    "prefer-text-field": "Django's CharField is varchar; a longer one is a change of the catalog alone",
    "prefer-bigint-over-int": "Django's PositiveIntegerField; ids are UUIDs",
    "prefer-bigint-over-smallint": "Django's PositiveSmallIntegerField, chosen for its range",
    "prefer-identity": "Django's own choice",
    "adding-foreign-key-constraint": "said of new columns, too, which are empty (bench/README.md); "
    "constraint-missing-not-valid finds the others",
    "ban-concurrent-index-creation-in-transaction": "what is looked at has run; in a transaction it could not",
    "require-concurrent-index-deletion": "a migration backwards is not on the way of a running Visant",
}
CREATED = re.compile(r"^\s*CREATE TABLE \"?(\w+)", re.IGNORECASE)
CHANGED = re.compile(
    r"^\s*(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX .*? ON|COMMENT ON \w+) \"?(\w+)", re.IGNORECASE | re.DOTALL
)
NOT_LOOKED_AT = re.compile(r"^\s*SELECT|django_migrations", re.IGNORECASE)
# The oldest version Visant runs on (visant/schema/provisioning.py).
POSTGRESQL = "14"
# One finding that is right and still meant: (migration, rule) with the reason.
FEW = "a row for each camera or organization: thousands at most, which a lock is held for a blink"
REPLACED = "the one that replaces it follows, or stands already"
MEANT: dict[tuple[str, str], str] = {
    ("orgs.0007_external_id", "require-concurrent-index-creation"): FEW,
    ("devices.0012_external_id", "require-concurrent-index-creation"): FEW,
    ("devices.0013_former_id", "require-concurrent-index-creation"): FEW,
    ("devices.0010_delivery_rejected", "ban-drop-constraint"): REPLACED,
    ("devices.0010_delivery_rejected", "constraint-missing-not-valid"): FEW,
    ("captures.0007_rejected_runs", "ban-drop-constraint"): REPLACED,
    ("captures.0016_storage_key_more_than_once", "ban-drop-constraint"): REPLACED,
    ("captures.0026_moment_more_than_once", "ban-drop-constraint"): REPLACED,
}


def main() -> int:
    with scratch("visant-squawk-") as folder:
        with database(folder) as url, django_on(url, folder):
            executed = statements()
        return sum(look_at(folder, name, sql) for name, sql in executed.items()) and 1


def statements() -> dict[str, list[str]]:
    """Migrate, and return what each new migration of ours executed."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    found: dict[str, list[str]] = defaultdict(list)
    new: set[str] = set()
    at = ""

    def progress(action: str, migration: Any = None, fake: bool = False) -> None:
        nonlocal at
        is_new = action == "apply_start" and migration.name > RELEASED.get(migration.app_label, "~")
        at = str(migration) if is_new else ""

    def note(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = connection.ops.compose_sql(str(sql), params) if params else str(sql)
        if at:
            new.update(CREATED.findall(text))
            if not NOT_LOOKED_AT.search(text) and not new & set(CHANGED.findall(text)):
                found[at].append(text.rstrip(";") + ";")
        return execute(sql, params, many, context)

    executor = MigrationExecutor(connection, progress)
    with connection.execute_wrapper(note):
        executor.migrate(executor.loader.graph.leaf_nodes())
    return found


def look_at(folder: Path, name: str, sql: list[str]) -> int:
    path = folder / f"{name}.sql"
    path.write_text("\n".join(sql) + "\n")
    excluded = [*EXCLUDED, *(rule for migration, rule in MEANT if migration == name)]
    options = ["--exclude", ",".join(excluded), "--assume-in-transaction", "--reporter", "gcc"]
    options += ["--pg-version", POSTGRESQL]
    command = [Path(sys.executable).with_name("squawk"), *options]
    return subprocess.run([*command, path], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
