"""Operators make units, print their labels, and end codes and units; the command does the first two."""

import io
import json
import re
import stat

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from devices.labels import labels_file
from devices.models import Unit
from devices.services.claims import claim_camera
from devices.services.labels import Claim, Label
from devices.services.units import make_units
from orgs.codes import ALPHABET
from tests.builders import make_operator, make_org, owner_of
from tests.scanner import scanned_pixels

pytestmark = pytest.mark.django_db
CODE = re.compile(rf"\b[{ALPHABET}]{{4}}(?:-[{ALPHABET}]{{4}}){{3}}\b")
LIST = "/admin/devices/unit/"


@pytest.fixture
def operator(client) -> Client:
    client.force_login(make_operator())
    return client


def act(client: Client, action: str, *units: Unit):
    body = {"action": action, "_selected_action": [unit.pk for unit in units]}
    return client.post(LIST, body, follow=True)


def claimed(label: Label):
    org = make_org()
    return claim_camera(org=org, claim=Claim(label.code), name="Gate", acting_user=owner_of(org))


def log() -> list[tuple[str, str]]:
    return list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))


def test_units_are_made_with_a_sheet_of_labels_shown_once(operator):
    assert "Make units" in operator.get(LIST).text
    assert operator.get(f"{LIST}make/").status_code == 200
    answer = operator.post(f"{LIST}make/", {"model": "Cam <2>", "count": 15, "code_days": 30})
    codes = CODE.findall(answer.text)
    assert (answer.status_code, len(set(codes)), Unit.objects.count()) == (200, 15, 15)
    assert "no-store" in answer["Cache-Control"]
    assert (answer.text.count('class="label-sheet"'), answer.text.count('class="label-qr"><svg')) == (2, 15)
    assert "Cam &lt;2&gt;" in answer.text
    assert "style=" not in answer.text.partition('<section class="label-sheet"')[2].partition("<footer")[0]
    assert all(serial in answer.text for serial in Unit.objects.values_list("serial", flat=True))
    assert sorted(log()) == sorted((unit.serial, "Made.") for unit in Unit.objects.all())
    for page in (LIST, reverse("admin:devices_unit_change", args=[Unit.objects.first().pk])):
        text = operator.get(page).text
        assert not CODE.search(text)
        assert Unit.objects.first().code_digest not in text


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1001}, {"model": ""}, {"code_days": 0}])
def test_what_cannot_be_made_is_told_on_the_form(operator, wrong):
    answer = operator.post(f"{LIST}make/", {"model": "Cam", "count": 1, "code_days": 30, **wrong})
    assert (answer.status_code, Unit.objects.count()) == (400, 0)


def test_new_codes_are_printed_and_not_given_to_units_that_serve(operator):
    free, serving = make_units(model="Cam", count=2)
    claimed(serving)
    answer = act(operator, "renew", free.unit, serving.unit)
    [code] = CODE.findall(answer.text)
    assert code != free.code
    assert claimed(Label(free.unit, code)).installation.unit == free.unit
    assert log() == [(free.unit.serial, "New code.")]
    assert "serves a camera" in answer.text
    assert not CODE.search(act(operator, "renew", serving.unit).text)


def test_codes_are_revoked_and_units_retired_once(operator):
    one, two = make_units(model="Cam", count=2)
    device = claimed(two)
    for action, told in (("revoke", "Codes revoked: 2."), ("retire", "Retired: 2.")):
        assert told in act(operator, action, one.unit, two.unit).text
        assert told.replace("2", "0") in act(operator, action, one.unit, two.unit).text
    assert Unit.objects.filter(state="retired", code_revoked_at__isnull=False).count() == 2
    assert device.installation is None
    assert [message for _, message in log()] == ["Code revoked."] * 2 + ["Retired."] * 2


def test_who_may_only_look_makes_and_ends_nothing(client):
    [label] = make_units(model="Cam", count=1)
    viewer = make_operator(is_superuser=False)
    viewer.user_permissions.add(Permission.objects.get(codename="view_unit"))
    client.force_login(viewer)
    assert "Make units" not in client.get(LIST).text
    assert client.post(f"{LIST}make/", {"model": "Cam", "count": 1, "code_days": 30}).status_code == 403
    for action in ("renew", "revoke", "retire"):
        act(client, action, label.unit)
    assert list(Unit.objects.values_list("state", "code_digest", "code_revoked_at")) == [
        ("manufactured", label.unit.code_digest, None)
    ]


def test_cameras_and_installations_are_found_by_the_serial(operator):
    [label] = make_units(model="Cam", count=1)
    device = claimed(label)
    for name, row in (("device", device), ("installation", device.installation), ("unit", label.unit)):
        page = operator.get(f"/admin/devices/{name}/", {"q": label.unit.serial})
        assert list(page.context["cl"].result_list) == [row], name
    assert label.unit.serial in operator.get(f"/admin/devices/unit/{label.unit.pk}/change/").text


# --- the sheet and the command


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("make_units", *arguments, stdout=out)
    return out.getvalue()


def drawn(svg: str) -> np.ndarray:
    """Paint the QR code of an ``<svg>`` by its path: squares of one unit."""
    size = int(re.search(r'viewBox="0 0 (\d+)', svg)[1])
    pixels = np.full((size, size), 255, np.uint8)
    for x, y in re.findall(r"M(\d+),(\d+)", svg):
        pixels[int(y), int(x)] = 0
    return np.kron(pixels, np.ones((8, 8), np.uint8))


def test_the_qr_code_on_the_sheet_is_read_back():
    labels = make_units(model="Cam", count=2)
    sheets = labels_file(labels)
    read = [scanned_pixels(drawn(svg)) for svg in re.findall(r"<svg.*?</svg>", sheets, re.DOTALL)]
    assert read == [label.qr_text for label in labels]


def test_the_command_makes_units_and_writes_a_sheet_that_needs_nothing_else(tmp_path):
    path = tmp_path / "labels.html"
    lines = run("--count", "3", "--model", "Cam", "--days", "10", "--out", str(path)).splitlines()
    sheet = path.read_text()
    assert len(lines) == Unit.objects.count() == 3
    for line in lines:
        serial, code = line.split()
        assert serial in sheet
        assert code in sheet
        assert claimed(Label(Unit.objects.get(serial=serial), code)).pk
    assert "<style>" in sheet
    assert not re.search(r"<script|<link|src=|href=", sheet)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_programs_read_json():
    [line] = run("--count", "1", "--model", "Cam", "--json").splitlines()
    printed = json.loads(line)
    assert set(printed) == {"serial", "code", "qr"}
    assert json.loads(printed["qr"])["code"] == printed["code"]


@pytest.mark.parametrize(
    "arguments", [("--count", "0", "--model", "Cam"), ("--count", "1", "--model", "Cam", "--out", "/nowhere/x")]
)
def test_a_refusal_makes_no_units(arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not Unit.objects.exists()


def test_a_sheet_that_is_there_is_not_overwritten(tmp_path):
    path = tmp_path / "labels.html"
    path.write_text("codes of others")
    with pytest.raises(CommandError):
        run("--count", "1", "--model", "Cam", "--out", str(path))
    assert (path.read_text(), Unit.objects.count()) == ("codes of others", 0)
