"""Every migration goes forward, back and forward again, on a database of its own."""

from functools import partial

import pytest
from django.core.management import call_command

from tests.server import Server

SCHEMA = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
    "postgresql": """
        SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL
        SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT 'policy', tablename, policyname, coalesce(qual, '') FROM pg_policies WHERE schemaname = 'public'
        ORDER BY 1, 2, 3, 4
    """,
}
# Down from the top: each app's rows hang on those of the next. The admin's log and the tasks know our users, too.
DOWN = ["visant", "admin", "sharing", "captures", "devices", "orgs"]
OURS = ("orgs_", "devices_", "captures_", "sharing_")


STEP_BY_STEP = """
from django.core.management import call_command
def go(app, name): call_command("migrate", app, name, verbosity=0)
"""


def migrations_of(server: Server, app: str) -> list[str]:
    rows = server.rows(f"SELECT name FROM django_migrations WHERE app = '{app}' ORDER BY id")
    return [name for (name,) in rows]


def tables(server: Server) -> set[str]:
    kind = "sqlite_master" if "sqlite" in server.database.url else "pg_tables"
    column = "name" if "sqlite" in server.database.url else "tablename"
    return {name for (name,) in server.rows(f"SELECT {column} FROM {kind}")}


def test_migrations_go_forward_back_and_forward_again_to_the_same_schema(tmp_path):
    with Server(tmp_path) as server:
        query = SCHEMA["sqlite" if "sqlite" in server.database.url else "postgresql"]
        before = server.rows(query)
        assert {"captures_capture", "devices_device", "orgs_user"} <= tables(server)
        steps = [
            (app, name)
            for app in filter(partial(migrations_of, server), DOWN)
            for name in [*reversed(migrations_of(server, app)[:-1]), "zero"]
        ]
        # In one process: starting one takes longer than most steps.
        server.manage("shell", "--no-imports", "-c", f"{STEP_BY_STEP}\nfor step in {steps}: go(*step)")
        assert [app for app in DOWN if migrations_of(server, app)] == []
        assert {name for name in tables(server) if name.startswith(OURS)} == set()
        server.manage("migrate", "--verbosity=0")
        assert server.rows(query) == before


@pytest.mark.django_db
def test_no_model_has_changed_without_a_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
