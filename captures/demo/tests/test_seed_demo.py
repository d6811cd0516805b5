"""``manage.py seed_demo``: a month that looks like one, made once."""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from captures.demo import month
from captures.evaluation.models import Evaluation, Label, State
from captures.evaluation.pictures import decode_picture
from captures.models import Capture
from devices.models import Device
from orgs.models import AuditEntry, Membership, Organization, Role, User
from tests.builders import make_org, stored_files

COUNTED = [User, Organization, Membership, Device, Capture, Evaluation, Label, AuditEntry]


@pytest.fixture(autouse=True)
def _two_days(monkeypatch):
    """A month takes as long as its pictures take to paint; visitors come from the second day on."""
    monkeypatch.setattr(month, "DAYS", 2)


def seed(*flags: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", *flags, stdout=out)
    return out.getvalue()


def counts() -> list[int]:
    return [model._base_manager.count() for model in COUNTED]


@pytest.mark.django_db
def test_it_makes_people_cameras_pictures_verdicts_and_labels_once(mailoutbox):
    make_org("Seeded demo")  # the name may be taken
    said = seed("--yes")
    org = Organization.objects.get(memberships__user__email="owner@seed.visant.example")
    assert {membership.role for membership in org.memberships.all()} == set(Role)
    assert said.count("(shown this once)") == 4
    # Before the pictures, which take long: a run that is killed has told them.
    assert said.rindex("(shown this once)") < said.index(" pictures\n")

    pictures = Capture.unscoped.filter(org=org)
    hours = 2 * 24 + org.created_at.hour + 1
    assert pictures.count() == 3 * hours
    assert set(pictures.values_list("verdict", flat=True)) >= {State.NORMAL, State.ABNORMAL}
    assert Evaluation.unscoped.filter(org=org).count() == 3 * hours
    assert Label.unscoped.filter(org=org, reference=True).count() == 3 * 8
    assert pictures.order_by("captured_at").last().captured_at <= org.created_at
    assert stored_files() == {*pictures.values_list("storage_key", flat=True)} | {
        *pictures.values_list("thumbnail_key", flat=True)
    }
    one = pictures.filter(verdict=State.ABNORMAL).first()
    with default_storage.open(one.storage_key) as file:
        data = file.read()
    assert len(data) == one.byte_size
    decode_picture(data, captured_at=one.captured_at, sha256=one.sha256)
    assert mailoutbox == []
    assert {link.kind for link in org.share_links.all()} == {"device", "latest", "range"}

    before, files = counts(), stored_files()
    assert "shown this once" not in seed("--yes")
    assert (counts(), stored_files()) == (before, files)

    email, password = next(line.split()[:2] for line in said.splitlines() if "viewer@" in line)
    browser = Client()
    browser.post("/login", {"login": email, "password": password})
    page = browser.get("/", follow=True).content.decode()
    assert "Loading bay" in page


@pytest.mark.django_db
def test_cut_off_in_the_middle_it_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr("captures.demo.seeding.BATCH", 20)
    monkeypatch.setattr("captures.demo.seeding.CAMERAS", ("Yard",))
    monkeypatch.setattr(month, "DAYS", 1)

    class CutOff(Exception):
        pass

    def cut(*arguments: object) -> None:
        raise CutOff

    with monkeypatch.context() as cutting:
        cutting.setattr("captures.management.commands.seed_demo.Command._progress", cut)
        with pytest.raises(CutOff):
            seed("--yes")
    assert Capture.unscoped.count() == 20
    seed("--yes")
    assert Capture.unscoped.count() == 24 + Organization.objects.get().created_at.hour + 1
    assert Label.unscoped.filter(reference=True).count() == 8


@pytest.mark.django_db
def test_it_refuses_where_people_work(settings, monkeypatch):
    monkeypatch.setattr("captures.demo.seeding.CAMERAS", ())
    with pytest.raises(CommandError, match=r"DEBUG is off\); add --yes"):
        seed()
    assert not Organization.objects.exists()
    settings.DEBUG = True
    assert "is there, with all that belongs to it" in seed()
