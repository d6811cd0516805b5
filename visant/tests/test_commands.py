"""Every command of ours ends with a sentence and status 2 when what it needs does not answer."""

from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError, connection

from orgs.commands import UNREACHABLE, VisantCommand

OWN_WAY = {
    "migrate": "waits, and tells a refusal from an outage",
    "doctor": "each outage is a finding",
    "worker": "outlives outages",
    "db_worker": "outlives outages",
    "scheduler": "outlives outages",
    "web": "outlives outages",
    "serve": "outlives outages",
    "sendtestemail": "asks neither",
    # They end with status 1 and say that the same command goes on.
    "import_datalake": "says how it goes on",
    "import_organization": "says how it goes on",
    "import_visant_db": "says how it goes on",
}
ARGUMENTS = {
    "prune": [],
    "sweep_files": [],
    "check_integrity": ["--list"],
    "seed_demo": ["--yes"],
    "delete_organization": ["acme", "--yes"],
    "export_organization": ["acme", "acme.zip"],
    "backup": ["copies"],
    "add_device": ["--org", "acme", "--name", "Gate"],
    "make_units": ["--count", "1", "--model", "Cam"],
    "create_organization": ["--name", "Acme", "--owner", "ann@example.org"],
}


def ours() -> list[str]:
    places = {app.name: Path(app.path) for app in apps.get_app_configs()}
    return sorted(
        name
        for name, app in get_commands().items()
        if app in places and places[app].parent == Path(settings.BASE_DIR)
    )


@pytest.mark.once
@pytest.mark.parametrize("name", ours())
def test_no_command_is_forgotten(name):
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, VisantCommand) != (name in OWN_WAY)


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.django_db
def test_a_database_that_is_away_is_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refuse(*args):
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse), pytest.raises(CommandError, match="database does not answer") as told:
        call_command(name, *ARGUMENTS[name])
    assert told.value.returncode == UNREACHABLE


@pytest.mark.once
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["check_integrity", "--gigabytes", "nan"], "number"),
        (["check_integrity", "--gigabytes", "-1"], "number"),
        (["backup", "copies", "--keep", "0"], "number"),
    ],
)
def test_a_number_that_is_none_is_a_sentence(command, sentence):
    with pytest.raises(CommandError, match=sentence) as told:
        call_command(*command)
    assert "invalid _" not in str(told.value)
