"""What a camera is to do and what it says it does: shape, version, ETag, differences, changes by people."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from devices.differences import Difference, find_differences, moment_in_words, schedule_in_words
from devices.health import with_condition
from devices.models import Device, DeviceStatus, Schedule
from devices.services.camera_settings import InvalidConfiguration, configure_device
from devices.services.configuration_version import bump_configuration
from devices.services.desired_configuration import desired_configuration
from devices.services.reported_configuration import differences_of
from orgs.models import AuditEntry, Role
from orgs.services.logins import log_in
from tests.builders import PASSWORD, logged_in, make_device, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.queries import statements_of
from tests.server import Server

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org(time_zone="Europe/Vienna")


@pytest.fixture
def camera(org):
    return make_device(org)


def add_schedule(device: Device, label: str = "Morning", *, enabled: bool = True, **rule) -> Schedule:
    """A schedule with one rule that has ended and one that holds."""
    schedule = device.schedules.create(org_id=device.org_id, label=label, enabled=enabled)
    rule = {"cron": "0 8 * * *", "time_zone": "Europe/Vienna", **rule}
    ended = {"valid_until": timezone.now(), "interval_seconds": 60, "time_zone": "UTC"}
    schedule.rules.create(org_id=device.org_id, **ended)
    schedule.rules.create(org_id=device.org_id, **rule)
    return schedule


def call(method: str, camera, body=None, **headers: str):
    device, key = camera
    sent = {} if body is None else {"data": body if isinstance(body, str) else json.dumps(body)}
    headers = {"Authorization": f"Bearer {key}", **headers}
    ask = getattr(Client(), method)
    return ask(f"/v1/devices/{device.pk}/config", **sent, content_type="application/json", headers=headers)


def person(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {log_in(email=user.email, password=PASSWORD).access}"}


def status_of(camera) -> DeviceStatus:
    return DeviceStatus.unscoped.get(device=camera[0])


def sentences(camera) -> dict[str, str]:
    device = Device.unscoped.get(pk=camera[0].pk)
    return {one.about: one.sentence for one in differences_of(device, status_of(camera))}


# --- what it is to do


def test_a_camera_gets_what_it_is_to_do(org, camera):
    device, _ = camera
    schedule = add_schedule(
        device, weekdays=[0, 4], quiet_from=time(22), quiet_until=time(6, 30), jitter_seconds=20
    )
    often = add_schedule(device, "Often", cron="", interval_seconds=600)
    add_schedule(device, "Resting", enabled=False)
    removed = add_schedule(device, "Removed")
    Schedule.unscoped.filter(pk=removed.pk).update(removed_at=timezone.now())
    answer = call("get", camera)
    plain = {"weekdays": [], "quiet_from": None, "quiet_until": None, "jitter_seconds": 0}
    assert answer.json() == {
        "version": 1,
        "device": {"id": str(device.pk), "name": device.name},
        "time_zone": "Europe/Vienna",
        "heartbeat_seconds": 300,
        "poll_seconds": 300,
        "picture": {"max_width": None, "quality": None},
        "schedules": [
            {
                "id": str(schedule.pk),
                "label": "Morning",
                "cron": "0 8 * * *",
                "interval_seconds": None,
                "time_zone": "Europe/Vienna",
                "weekdays": [0, 4],
                "quiet_from": "22:00",
                "quiet_until": "06:30",
                "jitter_seconds": 20,
            },
            {
                "id": str(often.pk),
                "label": "Often",
                "cron": None,
                "interval_seconds": 600,
                "time_zone": "Europe/Vienna",
                **plain,
            },
        ],
    }


def test_schedules_cost_two_queries_however_many(camera):
    device = Device.unscoped.select_related("org").get(pk=camera[0].pk)
    for count in (1, 5):
        for number in range(count):
            add_schedule(device, f"{count} {number}")
        assert len(statements_of(lambda: desired_configuration(device))) == 2


def test_unchanged_it_is_a_304(camera):
    etag = call("get", camera)["ETag"]
    again = call("get", camera, **{"If-None-Match": etag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert call("get", camera, **{"If-None-Match": '"another"'}).status_code == 200


def changes(org, device) -> dict:
    return {
        "the version": lambda: bump_configuration(device),
        "its name": lambda: Device.unscoped.filter(pk=device.pk).update(name="Renamed"),
        "its organization's zone": lambda: type(org).objects.filter(pk=org.pk).update(time_zone="Asia/Tokyo"),
        "a schedule": lambda: add_schedule(device),
    }


@pytest.mark.parametrize("what", ["the version", "its name", "its organization's zone", "a schedule"])
def test_the_etag_is_another_after_a_change_of(org, camera, what):
    etag = call("get", camera)["ETag"]
    changes(org, camera[0])[what]()
    assert call("get", camera, **{"If-None-Match": etag}).status_code == 200


def test_a_304_says_only_what_it_must(camera, settings):
    settings.SECURE_HSTS_SECONDS = 1_000
    etag = call("get", camera)["ETag"]
    unchanged = call("get", camera, **{"If-None-Match": etag})
    assert set(unchanged.headers) <= {"ETag", "Cache-Control", "Vary", "X-Request-ID"}


@pytest.mark.django_db(transaction=True)
def test_a_304_costs_less_than_400_bytes_on_the_wire(tmp_path):
    with Server(tmp_path, workers=1) as server:
        [camera] = server.found()
        server.start()
        shown = {"Authorization": f"Bearer {camera.key}"}
        path = f"/v1/devices/{camera.id}/config"
        _, headers, _ = server.request("GET", path, headers=shown)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"Authorization: Bearer {camera.key}", f"If-None-Match: {headers['Etag']}", "", ""]
        answer = ask_raw(server, "\r\n".join(lines).encode())
    assert answer.startswith(b"HTTP/1.1 304 ")
    assert answer.endswith(b"\r\n\r\n")
    assert len(answer) < 400, answer.decode()


def ask_raw(server: Server, request: bytes) -> bytes:
    import socket

    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


# --- what it says it does


def test_what_it_reports_is_kept_without_any_key(camera):
    says = {"version": 1, "heartbeat_seconds": 300, "own": {"lens": "dirty"}, "key": {"text": "vis_dev_secret"}}
    answer = call("put", camera, says)
    status = status_of(camera)
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert status.reported_configuration == {"heartbeat_seconds": 300, "own": {"lens": "dirty"}}
    assert (status.reported_version, status.differs_since) == (1, {})


def test_the_same_report_again_is_not_written(camera):
    call("put", camera, {"version": 1, "poll_seconds": 60})
    first = status_of(camera).reported_at
    call("put", camera, {"version": 2, "poll_seconds": 60})
    assert (status_of(camera).reported_at, status_of(camera).reported_version) == (first, 2)
    call("put", camera, {"version": 2, "poll_seconds": 90})
    assert status_of(camera).reported_at > first


@pytest.mark.parametrize("depth", [10, 500, 800, 5000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_a_report_nested_however_deep_is_refused(camera, opens, closes, depth):
    answer = call("put", camera, f'{{"a": {opens * depth}1{closes * depth}}}')
    assert answer.status_code == 400
    if depth <= 500:  # beyond, it depends on the interpreter whether it can be read at all
        assert "deeper than 6 levels" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "must be a JSON object"),
        ("7", "must be a JSON object"),
        ({"a": "x" * 17_000}, "larger than 16 KB"),
        ({"a": [[[[[[1]]]]]]}, "deeper than 6 levels"),
        ({"a": "b\0"}, "NUL"),
        ('{"a": "\\ud800"}', "halves of characters"),
        ('{"a": 1e999}', "NaN or Infinity"),
        ({"version": "7"}, "version must be"),
        ({"version": -1}, "version must be"),
        ({"version": True}, "version must be"),
        ({"version": 2**31}, "version must be"),
    ],
)
def test_a_report_that_cannot_be_kept_is_refused(camera, body, sentence):
    answer = call("put", camera, body)
    assert refused(answer)[:2] == (400, "invalid_report")
    assert sentence in answer.json()["detail"]
    assert status_of(camera).reported_at is None


@pytest.mark.parametrize("body", ["{", '{"a": NaN}', "[" * 100_000])
def test_a_report_that_is_no_json_is_refused(camera, body):
    assert call("put", camera, body).status_code == 400
    assert status_of(camera).reported_at is None


def test_a_camera_reads_and_reports_for_itself_only(org, camera):
    other, _ = make_device(org)
    for method, body in (("get", None), ("put", {"version": 1})):
        assert refused(call(method, (other, camera[1]), body))[:2] == (403, "not_this_device")
    assert DeviceStatus.unscoped.filter(reported_at=None).count() == 2


# --- where the two differ


def at(camera, about: str, moment: datetime) -> None:
    """Let a difference have begun at ``moment``."""
    status = status_of(camera)
    status.differs_since[about]["at"] = moment.isoformat()
    status.save()


def test_what_it_says_otherwise_is_told_with_since_when(camera):
    call("put", camera, {"heartbeat_seconds": 600, "poll_seconds": 300})
    began = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
    at(camera, "heartbeat_seconds", began)
    assert sentences(camera) == {"heartbeat_seconds": "wants every 5 min, says every 10 min since 3 Mar 2026"}
    # A report that differs elsewhere, or a change that is not about it, does not begin it anew; another word does.
    call("put", camera, {"heartbeat_seconds": 600, "poll_seconds": 60})
    bump_configuration(camera[0])
    assert sentences(camera)["heartbeat_seconds"].endswith("since 3 Mar 2026")
    assert not sentences(camera)["poll_seconds"].endswith("since 3 Mar 2026")
    call("put", camera, {"heartbeat_seconds": 900})
    assert sentences(camera)["heartbeat_seconds"].startswith("wants every 5 min, says every 15 min since ")
    assert status_of(camera).differs_since["heartbeat_seconds"]["at"] != began.isoformat()
    call("put", camera, {"heartbeat_seconds": 300})
    assert (sentences(camera), status_of(camera).differs_since) == ({}, {})


def test_it_differs_from_when_something_else_is_wanted(camera):
    call("put", camera, {"heartbeat_seconds": 300})
    DeviceStatus.unscoped.update(reported_at=timezone.now() - timedelta(days=9))
    before = timezone.now()
    configure_device(device=camera[0], acting_user=None, heartbeat_seconds=60)
    began = datetime.fromisoformat(status_of(camera).differs_since["heartbeat_seconds"]["at"])
    assert before <= began <= timezone.now()
    call("get", camera)
    since = moment_in_words(began)
    assert sentences(camera) == {"heartbeat_seconds": f"wants every 1 min, says every 5 min since {since}"}


def pending(camera) -> dict[str, bool]:
    device = with_condition(type(camera[0]).unscoped.all()).get(pk=camera[0].pk)
    return {one.about: one.pending for one in differences_of(device, status_of(camera))}


def test_what_a_camera_has_not_fetched_yet_is_no_fault_of_it(camera, org):
    call("put", camera, {"heartbeat_seconds": 300, "poll_seconds": 900})
    assert pending(camera) == {"poll_seconds": False}  # nobody changed it: the camera began to say so
    page = logged_in(owner_of(org))
    address = f"/cameras/{camera[0].pk}/settings"
    configure_device(device=camera[0], acting_user=None, heartbeat_seconds=60)
    assert pending(camera) == {"heartbeat_seconds": True, "poll_seconds": False}
    assert "has not fetched these changes yet" in page.get(address).text
    says = "wants every 1 min, which it has not fetched yet; says every 5 min"
    assert sentences(camera)["heartbeat_seconds"] == says
    # The same again, as with its next start, says nothing new; nor does a change that is not about it.
    call("put", camera, {"heartbeat_seconds": 300, "poll_seconds": 900})
    bump_configuration(camera[0])
    assert pending(camera)["heartbeat_seconds"]
    call("get", camera)
    assert not pending(camera)["heartbeat_seconds"]
    assert status_of(camera).fetched_version == 3
    assert "has not fetched" not in page.get(address).text


@pytest.mark.parametrize(("says", "minutes"), [(300, 10), (900, 30), ("x", 10), (10**9, 10)])
def test_it_has_two_of_its_looks_to_fetch_a_change(camera, says, minutes):
    call("put", camera, {"heartbeat_seconds": 300, "poll_seconds": says})
    configure_device(device=camera[0], acting_user=None, heartbeat_seconds=60)
    for passed, waits in ((minutes - 0.1, True), (minutes + 0.1, False)):
        at(camera, "heartbeat_seconds", timezone.now() - timedelta(minutes=passed))
        assert pending(camera)["heartbeat_seconds"] is waits


def test_what_it_fetched_is_written_once(camera):
    etag = call("get", camera)["ETag"]
    assert status_of(camera).fetched_version == 1
    headers = {"Authorization": f"Bearer {camera[1]}", "If-None-Match": etag}
    url = f"/v1/devices/{camera[0].pk}/config"
    asked = statements_of(lambda: Client().get(url, headers=headers))
    assert not [sql for sql in asked if "fetched_version" in sql]


def test_one_that_says_nothing_differs_in_nothing(camera):
    add_schedule(camera[0])
    assert sentences(camera) == {}
    call("put", camera, {"version": 1})  # it speaks of none of it, so it follows none of it
    assert sentences(camera) == {}


def test_of_what_changed_by_itself_nobody_knows_since_when(org, camera):
    call("put", camera, {"time_zone": "Europe/Vienna"})
    type(org).objects.filter(pk=org.pk).update(time_zone="Asia/Tokyo")
    assert sentences(camera) == {"time_zone": "wants Asia/Tokyo, says Europe/Vienna"}


def test_schedules_are_compared_by_what_they_do(camera):
    schedule = add_schedule(camera[0])
    [told] = call("get", camera).json()["schedules"]
    call("put", camera, {"schedules": [{**told, "label": "Other words"}]})
    assert sentences(camera) == {}
    call("put", camera, {"schedules": []})
    [missing] = sentences(camera).values()
    assert missing.startswith("wants at “0 8 * * *” (Europe/Vienna), says nothing since ")
    every = {"id": "own", "label": "Own", "interval_seconds": 300, "time_zone": "UTC"}
    call("put", camera, {"schedules": [{**told, "cron": "0 9 * * *"}, every]})
    found = {one.topic: (one.wants, one.says) for one in differences_of(camera[0], status_of(camera))}
    assert found == {
        f"Schedule “{schedule.label}”": ("at “0 8 * * *” (Europe/Vienna)", "at “0 9 * * *” (Europe/Vienna)"),
        "Schedule “Own”": ("nothing", "every 5 min (UTC)"),
    }


JUNK = [None, True, 7, -1.5, "x" * 500, [], [None], [[1]], {}, {"id": {}}, {"weekdays": "all", "cron": 3}]


@pytest.mark.parametrize("junk", JUNK)
def test_whatever_a_camera_says_can_be_shown(camera, junk):
    add_schedule(camera[0])
    desired = desired_configuration(camera[0])
    fields = ("time_zone", "heartbeat_seconds", "poll_seconds", "picture", "schedules")
    for says in (dict.fromkeys(fields, junk), {"picture": {"max_width": junk}, "schedules": [junk]}):
        found = find_differences(desired, says)
        assert all(len(one.sentence) < 600 for one in found)
        assert schedule_in_words(junk)
        assert call("put", camera, says).status_code == 200
        assert logged_in(owner_of(camera[0].org)).get(f"/cameras/{camera[0].pk}/settings").status_code == 200


def test_a_difference_reads_like_a_sentence():
    one = Difference("poll_seconds", "Looks for changes", "every 10 min", "every 5 min")
    assert one.sentence == "wants every 10 min, says every 5 min"
    assert (
        schedule_in_words(
            {
                "interval_seconds": 90,
                "weekdays": [0, 6],
                "quiet_from": "22:00",
                "quiet_until": "06:00",
                "time_zone": "UTC",
            }
        )
        == "every 90 s, Mon, Sun, not 22:00 to 06:00 (UTC)"
    )


def test_moments_are_told_as_people_do():
    now = timezone.localtime()
    noon = now.replace(hour=12, minute=5)
    assert moment_in_words(noon) == "12:05"
    assert moment_in_words(noon - timedelta(days=2)) == f"{noon - timedelta(days=2):%A}, 12:05"
    assert moment_in_words(datetime(2026, 3, 3, 9, 30, tzinfo=UTC)) == "3 Mar 2026"


# --- people


def test_a_member_sees_both_and_where_they_differ(org, camera):
    viewer = person(make_member(org, Role.VIEWER))
    body = call("get", camera, **viewer).json()
    assert body["desired"] == desired_configuration(camera[0])
    assert (body["reported"], body["in_sync"], body["differences"]) == (None, False, [])
    call("put", camera, {"version": 1, "poll_seconds": 60})
    body = call("get", camera, **viewer).json()
    [one] = body["differences"]
    assert (body["reported"], body["reported_version"], body["in_sync"]) == ({"poll_seconds": 60}, 1, False)
    assert (one["about"], one["wants"], one["says"]) == ("poll_seconds", "every 5 min", "every 1 min")
    call("put", camera, {"version": 1, "poll_seconds": 300})
    assert call("get", camera, **viewer).json()["in_sync"] is True


def test_an_admin_changes_what_it_is_to_do(org, camera):
    admin = person(make_member(org, Role.ADMIN))
    body = {"heartbeat_seconds": 120, "picture": {"max_width": 1280}}
    answer = call("put", camera, body, **admin)
    desired = answer.json()["desired"]
    assert (desired["version"], desired["heartbeat_seconds"], desired["poll_seconds"]) == (2, 120, 300)
    assert desired["picture"] == {"max_width": 1280, "quality": None}
    assert call("get", camera).json() == desired
    call("put", camera, {"picture": {"quality": 80}}, **admin)
    assert call("get", camera).json()["picture"] == {"max_width": 1280, "quality": 80}
    call("put", camera, {"picture": {"max_width": None, "quality": None}, "heartbeat_seconds": 300}, **admin)
    assert Device.unscoped.get(pk=camera[0].pk).configuration == {}


def test_what_changes_nothing_counts_as_no_change(org, camera):
    configure_device(device=camera[0], acting_user=owner_of(org), heartbeat_seconds=300, time_zone="")
    assert camera[0].configuration_version == 1
    assert not AuditEntry.unscoped.filter(action="camera.configured").exists()


def test_the_audit_names_what_was_changed(org, camera):
    configure_device(device=camera[0], acting_user=owner_of(org), poll_seconds=60, picture={"quality": 70})
    entry = AuditEntry.unscoped.get(action="camera.configured")
    assert entry.before == {"poll_seconds": 300, "picture_quality": None}
    assert entry.after == {"poll_seconds": 60, "picture_quality": 70}


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_admins_change_it(org, camera, role):
    answer = call("put", camera, {"poll_seconds": 60}, **person(make_member(org, role)))
    assert refused(answer)[:2] == (403, "role_too_small")
    assert camera[0].configuration == {}


def test_another_organization_finds_nothing(camera):
    stranger = person(owner_of(make_org()))
    for method, body in (("get", None), ("put", {"poll_seconds": 60})):
        assert refused(call(method, camera, body, **stranger))[:2] == (404, "device_not_found")


def test_a_personal_token_changes_it_if_it_may_write(org, camera):
    for access, status in (("write", 200), ("read", 403)):
        _, text = make_token(org.memberships.get(), access=access)
        answer = call("put", camera, {"poll_seconds": 60}, Authorization=f"Bearer {text}")
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"heartbeat_seconds": 59}, "heartbeat_seconds"),
        ({"poll_seconds": 86_401}, "poll_seconds"),
        ({"picture": {"max_width": 100}}, "picture_max_width"),
        ({"picture": {"quality": 101}}, "picture_quality"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_what_is_out_of_bounds_is_refused(org, camera, wrong, field):
    with pytest.raises(InvalidConfiguration) as refusal:
        configure_device(device=camera[0], acting_user=None, **wrong)
    assert set(refusal.value.fields) == {field}
    answer = call("put", camera, wrong, **person(owner_of(org)))
    assert refused(answer)[:2] == (400, "invalid_configuration")
    assert Device.unscoped.get(pk=camera[0].pk).configuration_version == 1


@pytest.mark.parametrize("body", [{"colour": "red"}, {"picture": {"depth": 3}}, {"poll_seconds": "often"}, []])
def test_what_is_not_understood_is_refused(org, camera, body):
    assert refused(call("put", camera, body, **person(owner_of(org))))[:2] == (400, "invalid")


def test_schedules_move_with_the_cameras_zone(org, camera):
    schedule = add_schedule(camera[0])
    configure_device(device=camera[0], acting_user=owner_of(org), time_zone="Asia/Tokyo")
    ended, holding = schedule.rules.order_by("-pk")[1], schedule.rules.get(valid_until=None)
    assert (ended.time_zone, ended.valid_until is None) == ("Europe/Vienna", False)
    assert (holding.cron, holding.time_zone) == ("0 8 * * *", "Asia/Tokyo")
    assert call("get", camera).json()["schedules"][0]["time_zone"] == "Asia/Tokyo"


# --- the page


def test_the_settings_show_what_the_camera_is_to_do_and_whether_it_does(org, camera):
    owner = logged_in(owner_of(org))
    page = owner.get(f"/cameras/{camera[0].pk}/settings").text
    assert "The camera has not said yet what it does." in page
    assert "(the organization&#x27;s)" in page or "(the organization's)" in page
    call("put", camera, {"version": 1, "poll_seconds": 300})
    assert "The camera says it does just this (version 1)" in owner.get(f"/cameras/{camera[0].pk}/settings").text
    call("put", camera, {"version": 1, "poll_seconds": 60})
    assert "wants every 5 min, says every 1 min since" in owner.get(f"/cameras/{camera[0].pk}/settings").text


FORM = {
    "time_zone": "",
    "heartbeat_seconds": "120",
    "poll_seconds": "300",
    "picture_max_width": "1280",
    "picture_quality": "",
}


def test_an_admin_configures_it_on_a_page(org, camera):
    admin, url = logged_in(make_member(org, Role.ADMIN)), f"/cameras/{camera[0].pk}/configuration"
    assert admin.get(url).context["form"].initial["heartbeat_seconds"] == 300
    answer = admin.post(url, FORM)
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{camera[0].pk}/settings")
    kept = Device.unscoped.get(pk=camera[0].pk).configuration
    assert kept == {"heartbeat_seconds": 120, "picture": {"max_width": 1280, "quality": None}}
    refusal = admin.post(url, {**FORM, "heartbeat_seconds": "5", "time_zone": "Mars"})
    assert refusal.status_code == 400
    assert 'value="5"' in refusal.text
    assert Device.unscoped.get(pk=camera[0].pk).configuration == kept


def test_only_admins_and_nobody_else_configure_it(org, camera):
    url = f"/cameras/{camera[0].pk}/configuration"
    assert logged_in(make_member(org)).post(url, FORM).status_code == 403
    assert logged_in(owner_of(make_org())).post(url, FORM).status_code == 404
    assert Device.unscoped.get(pk=camera[0].pk).configuration == {}
