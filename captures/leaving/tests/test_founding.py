"""The organization that an export comes into is founded as it was asked for, or not at all."""

import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from captures.moving.command import ImportCommand
from orgs.models import Organization, User
from tests.builders import make_capture

MOVED = {"org": "moved", "owner": "new@example.org"}


@pytest.fixture
def export(tmp_path) -> Path:
    org = make_capture().org
    call_command("export_organization", org.slug, str(tmp_path / "export"))
    return tmp_path / "export"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"org": "Bad Slug/.."}, "Slug: Enter a valid"),
        ({"org": "x" * 80}, "Slug: Ensure this value has at most 60 characters"),
        ({"owner": "notmail"}, "valid email address"),
    ],
)
def test_what_cannot_be_founded_is_said_in_a_sentence_and_nothing_stays(export, asked, sentence):
    before = Organization.objects.count(), User.objects.count()
    with pytest.raises(CommandError, match=sentence):
        call_command("import_organization", str(export), **{**MOVED, **asked})
    assert (Organization.objects.count(), User.objects.count()) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({"org": "Bad Slug/.."}, "Slug: Enter a valid"), ({"owner": "notmail"}, "valid email address")],
)
def test_a_trial_refuses_what_the_real_run_does(export, asked, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("import_organization", str(export), **{**MOVED, **asked}, dry_run=True)


@pytest.mark.django_db
def test_a_trial_founds_nothing(export, capsys):
    before = Organization.objects.count(), User.objects.count()
    call_command("import_organization", str(export), **MOVED, dry_run=True)
    assert "It would balance; nothing was written." in capsys.readouterr().out
    assert (Organization.objects.count(), User.objects.count()) == before


@pytest.mark.django_db(transaction=True)
def test_two_at_once_found_one_organization_and_take_everything_once(export):
    both, said = threading.Barrier(2), []

    def bring_in() -> None:
        both.wait(timeout=30)
        try:
            call_command("import_organization", str(export), **MOVED)
        except CommandError as refusal:  # the other one was quicker; it is said, and run again
            said.append(str(refusal))
        connections.close_all()

    threads = [threading.Thread(target=bring_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [sentence for sentence in said if "Run the same command again" not in sentence] == []
    call_command("import_organization", str(export), **MOVED)
    [moved] = Organization.objects.filter(memberships__user__email="new@example.org")
    assert (moved.slug, moved.devices.count(), moved.captures.count()) == ("moved", 1, 1)


@pytest.mark.django_db
def test_what_the_database_does_not_take_is_no_outage():
    class Founding(ImportCommand):
        slug = "acme"

        def bring_in(self, tally, options):
            Organization.objects.create(name="Acme", slug=self.slug)

    options = {"storage": None, "report": None, "keys": None}
    Founding().handle(**options)
    said = {"acme": "is there since"}
    if connection.vendor == "postgresql":
        said["x" * 80] = "does not take what was to be written"
    for slug, sentence in said.items():
        command = Founding()
        command.slug = slug
        with pytest.raises(CommandError, match=sentence), transaction.atomic():
            command.handle(**options)
