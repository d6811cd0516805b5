"""What a camera is told by hand, and how it becomes of that: states, words of the camera, pictures, forgetting."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from captures.models import Capture
from captures.retention.deleting import delete_capture
from devices.models import Command, DeviceStatus
from devices.services.commands import (
    KEPT,
    KEPT_OF_SCHEDULES,
    expire_commands,
    prune_commands,
    queue_command,
    take_commands,
)
from orgs.models import Membership, Role
from orgs.services.logins import log_in
from tests.builders import PASSWORD, make_device, make_jpeg, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def camera(org):
    return make_device(org)


def person(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {log_in(email=user.email, password=PASSWORD).access}"}


def post(address: str, body: dict | None = None, **headers: str):
    sent = {} if body is None else {"data": body}
    return Client().post(f"/v1/devices/{address}", **sent, content_type="application/json", headers=headers)


def trigger(device, user, body: dict | None = None):
    return post(f"{device.pk}/trigger", body, **person(user))


def ack(camera, trigger_id: str, body: dict | None = None):
    device, key = camera
    return post(f"{device.pk}/commands/{trigger_id}/ack", body, Authorization=f"Bearer {key}")


def hand_in(camera, seed: int = 1, **fields: str):
    return post_picture(camera, make_jpeg(seed), **fields)


def post_picture(camera, data: bytes, digest: str = "", **fields: str):
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    headers = {"Authorization": f"Bearer {camera[1]}", "Content-Digest": digest}
    return Client().post(f"/v1/captures?{query}", data, content_type="image/jpeg", headers=headers)


def told(camera, trigger_id: str) -> tuple[str, str]:
    command = camera[0].commands.get(trigger_id=trigger_id)
    assert (command.closed_at is None) == (command.status in ("queued", "sent"))
    return command.status, command.reason


# --- asking for a picture


def test_a_member_asks_for_a_picture_and_sees_how_far_it_is(org, camera):
    member = make_member(org)
    answer = trigger(camera[0], member, {"trigger_id": "gate-1", "type": "doorbell"})
    command = camera[0].commands.get()
    shown = {
        "trigger_id": "gate-1",
        "status": "queued",
        "cmd": "capture",
        "type": "doorbell",
        "parameters": {},
        "reason": "",
        "sent_at": None,
        "closed_at": None,
    }
    body = answer.json()
    assert answer.status_code == 202
    assert {name: body[name] for name in shown} == shown
    assert (command.created_by, command.org, command.schedule) == (member, org, None)
    assert command.expires_at - command.created_at == timedelta(minutes=15)
    [taken] = take_commands(device_id=camera[0].pk, again=True)
    assert taken == command
    viewer = person(make_member(org, Role.VIEWER))
    detail = Client().get(f"/v1/devices/{camera[0].pk}/commands/gate-1", headers=viewer).json()
    assert (detail["status"], detail["sent_at"] is not None) == ("sent", True)


def test_without_a_body_it_is_asked_by_hand_under_an_id_of_its_own(org, camera):
    body = trigger(camera[0], owner_of(org)).json()
    assert (body["type"], uuid.UUID(body["trigger_id"]).version) == ("manual", 7)


def test_a_personal_token_that_may_write_asks_for_pictures(org, camera):
    membership = make_member(org).memberships.get()
    for access, status in (("write", 202), ("read", 403)):
        _, text = make_token(membership, access=access)
        assert post(f"{camera[0].pk}/trigger", Authorization=f"Bearer {text}").status_code == status
    assert camera[0].commands.count() == 1


def test_a_viewer_asks_for_none(org, camera):
    answer = trigger(camera[0], make_member(org, Role.VIEWER))
    assert refused(answer) == (403, "role_too_small", False, True)


def test_a_camera_asks_itself_for_none(camera):
    assert post(f"{camera[0].pk}/trigger", Authorization=f"Bearer {camera[1]}").status_code == 401


def test_nobody_asks_the_cameras_of_others(org, camera):
    stranger = owner_of(make_org())
    queue_command(device=camera[0], trigger_type="manual", trigger_id="ours")
    assert refused(trigger(camera[0], stranger))[:2] == (404, "device_not_found")
    answer = Client().get(f"/v1/devices/{camera[0].pk}/commands/ours", headers=person(stranger))
    assert refused(answer)[:2] == (404, "device_not_found")
    theirs, _ = make_device(stranger.memberships.get().org)
    for named in ("ours", "never", "%00", "a b"):  # found under another's camera neither
        answer = Client().get(f"/v1/devices/{theirs.pk}/commands/{named}", headers=person(stranger))
        assert refused(answer)[:2] == (404, "command_not_found")


def test_limits_to_cameras_hold(org, camera):
    other, _ = make_device(org)
    member = make_member(org)
    Membership.unscoped.filter(user=member).update(camera_ids=[str(other.pk)])
    assert refused(trigger(camera[0], member))[:2] == (404, "device_not_found")
    assert trigger(other, member).status_code == 202


@pytest.mark.parametrize("state", ["suspended", "retired"])
def test_a_camera_out_of_service_is_asked_for_nothing(org, camera, state):
    setattr(camera[0], f"{state}_at", timezone.now())
    camera[0].save()
    assert refused(trigger(camera[0], owner_of(org))) == (409, f"device_is_{state}", False, True)
    # The camera itself is told in its own words.
    assert refused(ack(camera, "any")) == (403, f"device_{state}", False, True)
    assert not camera[0].commands.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"trigger_id": "a/b"}, "invalid_trigger"),
        ({"trigger_id": "ä"}, "invalid_trigger"),
        ({"trigger_id": "schedule-1-2"}, "invalid_trigger"),
        ({"type": "schedule"}, "invalid_trigger"),
        ({"trigger_id": "x" * 101}, "invalid"),
        ({"trigger_id": ""}, "invalid"),
        ({"type": 7.5, "colour": "red"}, "invalid"),
        ([], "invalid"),
    ],
)
def test_what_cannot_be_asked_is_refused(org, camera, body, code):
    assert refused(trigger(camera[0], owner_of(org), body))[:2] == (400, code)
    assert not camera[0].commands.exists()


def test_a_trigger_id_is_used_once_for_a_camera(org, camera):
    other = make_device(org)
    for device in (camera[0], other[0]):
        assert trigger(device, owner_of(org), {"trigger_id": "once"}).status_code == 202
    assert refused(trigger(camera[0], owner_of(org), {"trigger_id": "once"}))[:2] == (409, "trigger_id_taken")


def test_one_camera_is_asked_only_so_often(org, camera, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "trigger_device": "2/h"}
    other, _ = make_device(org)
    answers = [trigger(camera[0], owner_of(org)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert refused(answers[2]) == (429, "too_many_requests", True, True)
    assert trigger(other, owner_of(org)).status_code == 202


def test_what_was_told_before_a_memberships_history_is_not_there(org, camera):
    member = make_member(org)
    now = timezone.now()
    for name, hours in (("before", 2), ("since", 0)):
        [command] = queued(camera, name)
        Command.unscoped.filter(pk=command.pk).update(created_at=now - timedelta(hours=hours))
    Membership.unscoped.filter(user=member).update(history_from=now - timedelta(hours=1))

    def status(user, name: str) -> int:
        return Client().get(f"/v1/devices/{camera[0].pk}/commands/{name}", headers=person(user)).status_code

    assert (status(member, "before"), status(member, "since")) == (404, 200)
    assert status(owner_of(org), "before") == 200


# --- what becomes of it


def queued(camera, *names: str, **fields) -> list[Command]:
    return [queue_command(device=camera[0], trigger_type="manual", trigger_id=name, **fields) for name in names]


def test_the_camera_says_that_it_is_done(camera):
    queued(camera, "one")
    assert ack(camera, "one").json() == {"trigger_id": "one", "status": "done"}
    assert told(camera, "one") == ("done", "")


def test_the_camera_says_that_it_failed_and_why(camera):
    queued(camera, "one", "two")
    assert ack(camera, "one", {"status": "failed", "reason": "lens " * 100}).json()["status"] == "failed"
    assert told(camera, "one") == ("failed", ("lens " * 100)[:300])
    ack(camera, "two", {"status": "failed"})
    assert told(camera, "two") == ("failed", "The camera did not say why.")


def test_words_may_come_in_any_order_and_twice_and_one_does_not_hold_the_next(camera):
    queued(camera, "first", "second", "third")
    take_commands(device_id=camera[0].pk, again=True)
    for name in ("third", "first"):
        assert ack(camera, name).status_code == 200
    ack(camera, "second", {"status": "failed", "reason": "No."})
    for name, status in (("third", "done"), ("second", "failed"), ("first", "done")):
        closed = camera[0].commands.get(trigger_id=name).closed_at
        again = ack(camera, name, {"status": "failed", "reason": "Changed my mind."})
        assert (again.status_code, again.json()["status"]) == (200, status)
        assert camera[0].commands.get(trigger_id=name).closed_at == closed
    assert take_commands(device_id=camera[0].pk, again=True) == []


def test_a_word_after_its_time_changes_nothing(camera):
    queued(camera, "late", life=timedelta(seconds=-1))
    assert expire_commands() == 1
    assert ack(camera, "late").json() == {"trigger_id": "late", "status": "expired"}
    assert told(camera, "late") == ("expired", "")


def test_a_picture_closes_what_is_open_and_what_had_failed_or_expired(camera):
    queued(camera, "open", "failed")
    queued(camera, "expired", life=timedelta(seconds=-1))
    ack(camera, "failed", {"status": "failed", "reason": "Dark."})
    expire_commands()
    for seed, name in enumerate(("open", "failed", "expired")):
        assert hand_in(camera, seed, trigger_id=name).status_code == 201
        assert told(camera, name) == ("done", "")
    closed = camera[0].commands.get(trigger_id="open").closed_at
    assert hand_in(camera, 0, trigger_id="open", record_id="again").status_code == 201
    assert camera[0].commands.get(trigger_id="open").closed_at == closed


def test_a_picture_with_an_unknown_trigger_is_as_welcome(camera):
    queued(camera, "mine")
    assert hand_in(camera, trigger_id="never-told").status_code == 201
    assert told(camera, "mine") == ("queued", "")


def test_a_picture_refused_for_good_fails_its_command_and_says_why(camera):
    queued(camera, "broken", "no-picture", "too-large")
    broken = post_picture(camera, make_jpeg()[:-200], trigger_id="broken")
    assert refused(broken)[:2] == (400, "broken_picture")
    assert told(camera, "broken") == ("failed", broken.json()["detail"])
    assert refused(post_picture(camera, b"GIF89a" + b"x" * 50, trigger_id="no-picture"))[1] == "not_a_picture"
    assert told(camera, "no-picture")[0] == "failed"
    # A good one that comes after all is the better evidence.
    assert hand_in(camera, trigger_id="broken").status_code == 201
    assert told(camera, "broken") == ("done", "")


def test_a_picture_too_large_to_be_read_fails_its_command(camera, settings):
    settings.VISANT_MAX_PICTURE_MB = 0
    queued(camera, "large")
    assert refused(hand_in(camera, trigger_id="large"))[:2] == (413, "too_many_bytes")
    assert told(camera, "large")[0] == "failed"
    assert refused(hand_in(camera, trigger_id="%00"))[:2] == (413, "too_many_bytes")


def test_what_a_picture_is_called_is_refused_as_a_trigger_id_at_once(org, camera):
    assert hand_in(camera, 1, record_id="gate-1").status_code == 201
    assert refused(trigger(camera[0], owner_of(org), {"trigger_id": "gate-1"})) == (
        409,
        "trigger_id_taken",
        False,
        True,
    )
    assert not Command.unscoped.exists()
    delete_capture(capture=Capture.unscoped.get(), acting_user=owner_of(org))
    assert refused(trigger(camera[0], owner_of(org), {"trigger_id": "gate-1"}))[:2] == (409, "trigger_id_taken")
    assert trigger(make_device(org)[0], owner_of(org), {"trigger_id": "gate-1"}).status_code == 202


def test_a_trigger_id_whose_name_a_picture_has_already_fails_with_the_reason(camera):
    assert hand_in(camera, 1, record_id="gate-1").status_code == 201
    queued(camera, "gate-1")
    taken = hand_in(camera, 2, record_id="gate-1", trigger_id="gate-1")
    assert refused(taken)[:2] == (409, "record_id_taken")
    assert told(camera, "gate-1") == ("failed", taken.json()["detail"])


def test_a_refused_picture_leaves_what_is_done_and_one_that_comes_again_leaves_what_is_open(camera):
    queued(camera, "done", "open")
    ack(camera, "done")
    post_picture(camera, make_jpeg()[:-200], trigger_id="done")
    assert told(camera, "done") == ("done", "")
    again = post_picture(camera, make_jpeg(), trigger_id="open", digest="sha-256=:eA==:")
    assert refused(again)[:2] == (400, "digest_mismatch")
    assert told(camera, "open") == ("queued", "")


def test_a_picture_of_another_camera_closes_nothing(org, camera):
    queued(camera, "same")
    assert hand_in(make_device(org), trigger_id="same").status_code == 201
    assert told(camera, "same") == ("queued", "")


def test_of_what_it_was_never_told_a_camera_can_say_nothing(org, camera):
    other = make_device(org)
    queued(other, "theirs")
    for name in ("never", "theirs", "x" * 200):
        assert refused(ack(camera, name)) == (404, "command_not_found", False, True)
    answer = post(f"{other[0].pk}/commands/theirs/ack", Authorization=f"Bearer {camera[1]}")
    assert refused(answer)[:2] == (403, "not_this_device")
    assert told(other, "theirs") == ("queued", "")


@pytest.mark.parametrize("body", [{"status": "sent"}, {"status": None}, {"reason": ["a"]}, {"reason": "a\0"}, [1]])
def test_a_word_that_is_none_is_refused(camera, body):
    queued(camera, "one")
    assert refused(ack(camera, "one", body))[:2] == (400, "invalid")
    assert told(camera, "one") == ("queued", "")


@pytest.mark.django_db(transaction=True)
def test_of_two_words_at_once_one_counts():
    camera = make_device()
    queued(camera, "one")
    bodies = ({"status": "done"}, {"status": "failed", "reason": "No."})
    answers = at_once(lambda number: ack(camera, "one", bodies[number]).json()["status"])
    assert set(answers) == {told(camera, "one")[0]}


# --- listening without being held


def listen(camera, query: str = ""):
    address = f"/v1/devices/{camera[0].pk}/commands?{query}"
    return Client().get(address, headers={"Authorization": f"Bearer {camera[1]}"})


@pytest.mark.parametrize("query", ["wait=0", "wait=30", "", "config=1"])
def test_a_camera_that_asks_listens_and_that_is_written_once_a_minute(camera, query):
    assert listen(camera, query).status_code == 200
    first = status_of(camera).listened_at
    assert first is not None
    listen(camera, query)
    assert status_of(camera).listened_at == first
    DeviceStatus.unscoped.update(listened_at=first - timedelta(seconds=61))
    listen(camera, query)
    assert status_of(camera).listened_at > first


@pytest.mark.parametrize("query", ["wait=0", "wait=30"])
def test_what_is_told_again_because_it_is_open_is_asked_for_less_often(camera, query):
    queued(camera, "one")
    first, again = listen(camera, query), listen(camera, query)
    assert (
        first.json() == again.json() == {"commands": [{"cmd": "capture", "trigger_id": "one", "type": "manual"}]}
    )
    assert (first.headers.get("Retry-After"), again.headers.get("Retry-After")) == (None, "5")
    queued(camera, "two")
    assert "Retry-After" not in listen(camera, query).headers
    assert "Retry-After" in listen(camera, query).headers


# --- forgetting


def test_what_was_over_long_ago_is_forgotten(camera, monkeypatch):
    monkeypatch.setattr("devices.services.commands.DELETED_AT_ONCE", 2)
    schedule = camera[0].schedules.create(org=camera[0].org, label="Morning")
    names = ("open", "closed", "of-schedule", "old", "old-of-schedule", "older", "oldest")
    queued(camera, *names)
    now = timezone.now()
    ages = {
        "closed": KEPT - timedelta(hours=1),
        "of-schedule": KEPT_OF_SCHEDULES - timedelta(hours=1),
        "old": KEPT,
        "old-of-schedule": KEPT_OF_SCHEDULES,
        "older": KEPT * 2,
        "oldest": KEPT * 3,
    }
    for name, age in ages.items():
        of = schedule if name.endswith("of-schedule") else None
        camera[0].commands.filter(trigger_id=name).update(status="done", closed_at=now - age, schedule=of)
    assert prune_commands(now=now) == 4
    assert set(camera[0].commands.values_list("trigger_id", flat=True)) == {"open", "closed", "of-schedule"}
    assert prune_commands(now=now) == 0


# --- heartbeats


def beat(camera, body: dict | None = None):
    return post(f"{camera[0].pk}/heartbeat", body, Authorization=f"Bearer {camera[1]}")


def status_of(camera) -> DeviceStatus:
    return DeviceStatus.unscoped.get(device=camera[0])


def test_a_heartbeat_says_how_the_camera_is(camera):
    health = {"spool_count": 3, "spool_bytes": 9_000, "free_bytes": 2**40, "clock_offset_seconds": -1.5}
    health |= {"temperature_c": 41.0, "uptime_seconds": 60.0}
    answer = beat(camera, {"version": "1.2.3", **health, "unheard_of": {"a": 1}})
    status = status_of(camera)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (status.version, status.health) == ("1.2.3", health)
    assert status.heartbeat_at is not None
    assert status.last_seen_at is not None


def test_a_heartbeat_may_be_empty_and_does_not_forget_the_version(camera):
    DeviceStatus.unscoped.update(version="1.2.3")
    assert beat(camera).status_code == 204
    assert (status_of(camera).version, status_of(camera).health) == ("1.2.3", {})


def test_heartbeats_in_a_burst_are_written_down_once(camera):
    beat(camera, {"spool_count": 1})
    beat(camera, {"spool_count": 2})
    assert status_of(camera).health == {"spool_count": 1}
    DeviceStatus.unscoped.update(heartbeat_at=timezone.now() - timedelta(seconds=51))
    beat(camera, {"spool_count": 3})
    assert status_of(camera).health == {"spool_count": 3}


@pytest.mark.parametrize(
    "body",
    [
        {"spool_count": -1},
        {"spool_count": "many"},
        {"free_bytes": 2**63},
        {"clock_offset_seconds": "nan"},
        {"temperature_c": "inf"},
        {"uptime_seconds": -1},
        {"version": "x" * 101},
        {"version": "a\0"},
        ["version"],
    ],
)
def test_a_heartbeat_of_nonsense_is_refused(camera, body):
    assert refused(beat(camera, body))[:2] == (400, "invalid")
    assert status_of(camera).heartbeat_at is None


def test_a_heartbeat_is_the_cameras_own(org, camera):
    other, _ = make_device(org)
    answer = post(f"{other.pk}/heartbeat", {}, Authorization=f"Bearer {camera[1]}")
    assert refused(answer)[:2] == (403, "not_this_device")
    assert post(f"{camera[0].pk}/heartbeat", {}, **person(owner_of(org))).status_code == 401
