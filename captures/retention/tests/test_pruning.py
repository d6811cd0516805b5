"""Each organization is pruned once a night, on its own clock, however many schedulers there are, whoever dies."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from captures.integrity.models import HousekeepingRun
from captures.integrity.runs import AGAIN, CUT_OFF, PRUNE, turn
from captures.retention import pruning
from captures.retention.policies import set_policy
from captures.retention.preview import preview
from captures.retention.pruning import (
    last_changes,
    next_run_at,
    nights_left_out,
    prune,
    prune_due,
    prune_tonight,
)
from captures.retention.rules import Rule
from captures.retention.tests.builders import make_policy, make_rows
from orgs import scope
from orgs.models import Organization
from orgs.services.oversight import change_limits
from tests.builders import make_device, make_org, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def make_archive(**fields: object) -> Organization:
    """An organization that keeps pictures for ten days, with an old one and a new one."""
    org = make_org(**fields)
    make_rows(make_device(org)[0], [NOON - timedelta(days=30), NOON])
    make_policy(org, days=10)
    return org


def test_the_night_comes_to_each_organization_on_its_own_clock():
    zurich, auckland = make_archive(time_zone="Europe/Zurich"), make_archive(time_zone="Pacific/Auckland")
    early = datetime(2026, 6, 15, 1, 0, tzinfo=UTC)  # three in Zurich, one in the afternoon in Auckland
    assert next_run_at(zurich, early) == datetime(2026, 6, 15, 1, 30, tzinfo=UTC)
    assert prune_tonight(now=early) == 1
    assert (zurich.captures.count(), auckland.captures.count()) == (2, 1)
    assert prune_tonight(now=early + timedelta(minutes=30)) == 1
    assert (zurich.captures.count(), auckland.captures.count()) == (1, 1)
    assert next_run_at(zurich, NOON) == datetime(2026, 6, 16, 1, 30, tzinfo=UTC)


def test_a_time_zone_that_is_not_known_any_more_keeps_nobody_elses_night_from_coming():
    lost, other = make_archive(), make_archive(time_zone="UTC")
    Organization.objects.filter(pk=lost.pk).update(time_zone="Europe/Atlantis")
    lost.refresh_from_db()
    assert next_run_at(lost, NOON.replace(hour=3)) == datetime(2026, 6, 15, 3, 30, tzinfo=UTC)
    assert prune_tonight(now=NOON) == 2
    # Its night comes by UTC; its days cannot be told, so nothing of it is deleted.
    assert (lost.captures.count(), other.captures.count()) == (2, 1)


def test_it_is_done_once_a_night_and_says_what_it_did():
    org = make_archive()
    assert [prune_tonight(now=NOON + timedelta(minutes=10 * number)) for number in range(3)] == [1, 0, 0]
    run = HousekeepingRun.objects.get()
    assert (run.job, run.subject, run.day, run.state) == ("prune", str(org.pk), NOON.date(), "done")
    assert run.report == {"pictures": 1, "bytes": 1000, "kept": {}}
    make_rows(org.devices.get(), [NOON - timedelta(days=30)])
    assert prune_tonight(now=NOON + timedelta(days=1)) == 1
    assert org.captures.count() == 1


def test_a_night_is_left_out_from_a_day_after_it_on_at_every_hour():
    org = make_archive()
    hours = [NOON.replace(minute=45) + timedelta(hours=number) for number in range(24)]
    assert [nights_left_out(hour) for hour in hours] == [[org]] * 24
    HousekeepingRun.objects.create(job="prune", subject=str(org.pk), day=NOON.date(), finished_at=NOON)
    # A day after the night that was not done any more: not before 03:30 of the day after the next.
    next_day = [hour + timedelta(days=1) for hour in hours]
    assert [nights_left_out(hour) for hour in hours] == [[]] * 24
    assert [nights_left_out(hour) for hour in next_day] == [[]] * 15 + [[org]] * 9


@pytest.mark.parametrize("by_plan", [False, True])
def test_what_is_changed_by_day_waits_for_the_next_night(by_plan):
    org = make_org(time_zone="UTC")
    make_rows(make_device(org)[0], [timezone.now() - timedelta(days=30)])
    if by_plan:
        others = dict.fromkeys(("device_limit", "byte_limit", "evaluation_limit"))
        change_limits(org=org, acting_user=None, retention_days=10, **others)
    else:
        set_policy(org=org, rule=Rule(days=10), acting_user=owner_of(org))
    changed = last_changes([org.pk])[org.pk]
    night = changed.replace(hour=3, minute=30, second=0, microsecond=0)
    tonight = night if changed < night else night + timedelta(days=1)
    assert next_run_at(org, changed) == tonight
    assert prune_tonight(now=changed) == 0
    assert prune_tonight(now=tonight) == 1
    assert org.captures.count() == 0


def test_an_organization_without_rules_is_let_alone():
    org = make_org()
    make_rows(make_device(org)[0], [NOON - timedelta(days=3000)])
    assert prune_tonight(now=NOON) == 0
    assert org.captures.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_prune_once():
    make_archive()
    done = at_once(lambda number: pruning.prune_tonight(now=NOON), 3)
    assert sorted(done) == [0, 0, 1]
    assert HousekeepingRun.objects.count() == 1


def test_what_was_cut_off_is_taken_over_and_an_outage_is_tried_again(monkeypatch):
    org = make_archive()
    begun = HousekeepingRun.objects.create(job=PRUNE, subject=str(org.pk), day=NOON.date())
    assert not prune_due(org, NOON)
    HousekeepingRun.objects.update(seen_at=begun.seen_at - CUT_OFF)
    real = pruning.prune
    monkeypatch.setattr(pruning, "prune", _fail)
    with pytest.raises(OperationalError):
        prune_due(org, NOON)
    run = HousekeepingRun.objects.get()
    assert (run.state, run.error, run.turns) == ("failed", "the database is down", 2)
    monkeypatch.setattr(pruning, "prune", real)
    assert not prune_due(org, NOON)
    HousekeepingRun.objects.update(seen_at=run.seen_at - AGAIN)
    assert prune_due(org, NOON)
    assert (HousekeepingRun.objects.get().state, org.captures.count()) == ("done", 1)


def _fail(*args: object, **options: object) -> None:
    raise OperationalError("the database is down")


def test_who_was_taken_over_stops_and_writes_no_more():
    with turn(PRUNE, day=NOON.date()) as ours:
        HousekeepingRun.objects.update(turns=2)
        ours.note(pictures=5)
        pytest.fail("It went on.")
    assert HousekeepingRun.objects.get().report == {}


def test_a_pruning_that_dies_in_the_middle_is_ended_by_the_next_one(monkeypatch):
    org = make_org()
    device, _ = make_device(org)
    make_rows(device, [NOON - timedelta(days=30, minutes=minute) for minute in range(20)])
    make_policy(org, days=10)
    foreseen = preview(org, at=NOON)
    monkeypatch.setattr("captures.retention.selection.BATCH", 8)
    with pytest.raises(KeyboardInterrupt):
        prune(org, at=NOON, note=_die)
    assert org.captures.count() == 12
    assert prune(org, at=NOON).pictures == foreseen.pictures - 8


def _die(done: object) -> None:
    raise KeyboardInterrupt


def test_nothing_of_another_organization_goes():
    ours, theirs = make_archive(), make_org()
    make_rows(make_device(theirs)[0], [NOON - timedelta(days=30)])
    with scope.nothing():
        prune(ours, at=NOON)
    assert (ours.captures.count(), theirs.captures.count()) == (1, 1)


# --- the command


def run(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("prune", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_says_that_there_is_no_rule():
    make_org()
    assert run("--dry-run") == run() == ["No organization has a rule; nothing is deleted."]


def test_the_command_says_first_what_it_then_does():
    org, other = make_archive(), make_archive()
    assert run("--dry-run", "--org", org.slug) == [f"{org.slug}: Deletes 2 pictures, 2 kB."]
    assert org.captures.count() == 2
    assert run("--org", org.slug) == [f"{org.slug}: Deleted 2 pictures, 2 kB."]
    assert run() == [f"{org.slug}: Deleted nothing.", f"{other.slug}: Deleted 2 pictures, 2 kB."]


def test_an_organization_that_is_not_there_is_named():
    with pytest.raises(CommandError, match="no organization with the slug nowhere"):
        run("--org", "nowhere")
