"""Schedules of a camera: made, changed and removed; by services, API and pages."""

from datetime import datetime, time, timedelta
from functools import partial

import pytest
from django.test import Client
from django.utils import timezone
from visant_camera.schedule import Rule

from devices.health import condition_of, with_condition
from devices.models import DeviceStatus, Schedule, ScheduleRule
from devices.rules_in_words import in_words
from devices.services.camera_settings import configure_device
from devices.services.desired_configuration import desired_configuration
from devices.services.lifecycle import DeviceOutOfUse, retire_device
from devices.services.schedules import (
    MOST,
    InvalidSchedule,
    ScheduleNotThere,
    TooManySchedules,
    add_schedule,
    change_schedule,
    follow_time_zones,
    newest_rule,
    next_runs,
    remove_schedule,
)
from orgs.models import AuditEntry, Role
from orgs.services.logins import log_in
from tests.builders import PASSWORD, logged_in, make_device, make_member, make_org, owner_of
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
VIENNA = "Europe/Vienna"


@pytest.fixture
def org():
    return make_org(time_zone=VIENNA)


@pytest.fixture
def device(org):
    return make_device(org)[0]


def add(device, label: str = "Round", **fields) -> Schedule:
    fields = fields or {"interval_seconds": 600}
    return add_schedule(device=device, label=label, acting_user=None, **fields)


def change(schedule, **fields) -> None:
    change_schedule(schedule=schedule, acting_user=None, **fields)


def first_run(rule: ScheduleRule) -> datetime:
    """Since the rule holds, whether that is over by now or not."""
    return next_runs(rule, after=rule.valid_from)[0]


def version(device) -> int:
    device.refresh_from_db()
    return device.configuration_version


def actions() -> list[str]:
    entries = AuditEntry.unscoped.filter(action__startswith="schedule.").order_by("pk")
    return list(entries.values_list("action", flat=True))


# Services


def test_a_new_schedule_holds_from_now_on_and_is_told_to_the_camera(device):
    before = version(device)
    schedule = add(device, cron=" 0  8 * * 1-5 ", quiet_from=time(22), quiet_until=time(6), weekdays=[4, 0])
    rule = schedule.rules.get()
    assert (rule.cron, rule.interval_seconds, rule.weekdays, rule.time_zone) == (
        "0 8 * * 1-5",
        None,
        [0, 4],
        VIENNA,
    )
    assert (rule.valid_until, schedule.next_run_at) == (None, first_run(rule))
    assert version(device) == before + 1
    [told] = desired_configuration(device)["schedules"]
    assert (told["id"], told["label"], told["cron"]) == (str(schedule.pk), "Round", "0 8 * * 1-5")
    [entry] = AuditEntry.unscoped.filter(action="schedule.added")
    assert (entry.after["cron"], entry.after["quiet_from"], entry.device_id) == ("0 8 * * 1-5", "22:00", device.pk)


def test_the_zone_of_a_camera_comes_before_its_organizations(device):
    configure_device(device=device, acting_user=None, time_zone="Asia/Tokyo")
    assert add(device).rules.get().time_zone == "Asia/Tokyo"


def test_a_change_ends_the_rule_that_held_and_makes_another(device):
    schedule = add(device)
    before = version(device)
    change(schedule, cron="30 12 * * *", label="Noon")
    old, new = schedule.rules.order_by("pk")
    assert (old.interval_seconds, old.cron, old.valid_until) == (600, "", new.valid_from)
    assert (new.interval_seconds, new.cron, new.valid_until) == (None, "30 12 * * *", None)
    assert (schedule.label, schedule.next_run_at) == ("Noon", first_run(new))
    assert version(device) == before + 1
    [entry] = AuditEntry.unscoped.filter(action="schedule.changed")
    assert entry.before == {"label": "Round", "cron": None, "interval_seconds": 600}
    assert entry.after == {"label": "Noon", "cron": "30 12 * * *", "interval_seconds": None}


def test_the_same_again_writes_nothing(device):
    schedule = add(device)
    before = version(device)
    change(schedule, interval_seconds=600, label=" Round ", enabled=True, weekdays=[6, 5, 4, 3, 2, 1, 0])
    assert (schedule.rules.count(), version(device), actions()) == (1, before, ["schedule.added"])


def test_another_label_leaves_the_rule_as_it_is(device):
    schedule = add(device)
    before = schedule.next_run_at
    change(schedule, label="Tour")
    assert (schedule.rules.count(), schedule.next_run_at, schedule.label) == (1, before, "Tour")


def test_switched_off_it_has_no_rule_that_holds_and_goes_on_with_what_it_had(device):
    schedule = add(device)
    change(schedule, enabled=False)
    assert (schedule.next_run_at, schedule.rules.filter(valid_until=None).count()) == (None, 0)
    assert desired_configuration(device)["schedules"] == []
    change(schedule, interval_seconds=900)
    assert (schedule.next_run_at, newest_rule(schedule).interval_seconds) == (None, 900)
    change(schedule, enabled=True)
    rule = schedule.rules.get(valid_until=None)
    assert (rule.interval_seconds, schedule.next_run_at) == (900, first_run(rule))


def test_a_removed_schedule_ends_and_its_rules_stay(device):
    schedule = add(device)
    remove_schedule(schedule=schedule, acting_user=None)
    row = Schedule.unscoped.get()
    assert (row.next_run_at, row.rules.get().valid_until) == (None, row.removed_at)
    assert desired_configuration(device)["schedules"] == []
    with pytest.raises(ScheduleNotThere):
        remove_schedule(schedule=schedule, acting_user=None)
    with pytest.raises(ScheduleNotThere):
        change(schedule, label="Tour")
    assert actions() == ["schedule.added", "schedule.removed"]


def test_a_camera_has_at_most_twenty(device):
    for number in range(MOST):
        last = add(device, f"Round {number}")
    with pytest.raises(TooManySchedules, match="at most 20"):
        add(device)
    remove_schedule(schedule=last, acting_user=None)
    add(device)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"label": ""}, "label"),
        ({"label": "x" * 101}, "label"),
        ({"label": "two\nlines"}, "label"),
        ({"label": "nothing\0"}, "label"),
        ({"label": "Manual"}, "label"),
        ({"cron": "never"}, "cron"),
        ({"interval_seconds": 59}, "interval_seconds"),
        ({"interval_seconds": 600, "quiet_from": time(22)}, "quiet_until"),
        ({"interval_seconds": 600, "jitter_seconds": 4000}, "jitter_seconds"),
        ({"interval_seconds": 600, "weekdays": [9]}, "weekdays"),
        ({}, None),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_field(device, fields, field):
    with pytest.raises(InvalidSchedule) as refusal:
        add_schedule(device=device, acting_user=None, **{"label": "Round", **fields})
    if field:
        assert set(refusal.value.fields) == {field} or field == "label"
    assert not Schedule.unscoped.exists()


def test_a_retired_camera_gets_no_schedule(device):
    schedule = add(device)
    retire_device(device=device, acting_user=None)
    with pytest.raises(DeviceOutOfUse):
        add(device)
    with pytest.raises(DeviceOutOfUse):
        change(schedule, label="Tour")
    remove_schedule(schedule=schedule, acting_user=None)


def test_schedules_keep_their_time_of_the_day_when_the_camera_moves(device):
    schedule, off = add(device, cron="0 8 * * *"), add(device, cron="0 9 * * *")
    change(off, enabled=False)
    configure_device(device=device, acting_user=None, time_zone="America/New_York")
    schedule.refresh_from_db()
    old, new = schedule.rules.order_by("pk")
    assert (old.time_zone, new.time_zone, old.valid_until) == (VIENNA, "America/New_York", new.valid_from)
    assert schedule.next_run_at == first_run(new) != next_runs(old, after=new.valid_from)[0]
    assert newest_rule(off).time_zone == "America/New_York"
    assert [rule.valid_until for rule in off.rules.all() if rule.valid_until is None] == []


def test_schedules_follow_the_organization_to_another_zone(device, org):
    schedule = add(device)
    stays, _ = make_device(org)
    configure_device(device=stays, acting_user=None, time_zone=VIENNA)
    add(stays)
    before = version(device), version(stays)
    org.time_zone = "Asia/Tokyo"
    org.save()
    assert (follow_time_zones(), follow_time_zones()) == (1, 0)
    assert newest_rule(schedule).time_zone == "Asia/Tokyo"
    assert (version(device), version(stays)) == (before[0] + 1, before[1])


# 86,399 seconds: a second earlier each day, and loud for one minute of the day, which came in 2001.
OVER = {"interval_seconds": 86_399, "quiet_from": time(0, 1), "quiet_until": time(0)}


def test_a_rule_without_a_run_from_now_on_is_refused(device):
    with pytest.raises(InvalidSchedule, match="would not run any more"):
        add(device, **OVER)
    schedule = add(device)
    with pytest.raises(InvalidSchedule, match="would not run any more"):
        change(schedule, **OVER)
    assert newest_rule(schedule).interval_seconds == 600


@pytest.mark.parametrize("broken", [{"cron": "61 * * * *", "interval_seconds": None}, OVER])
def test_a_rule_that_cannot_be_followed_any_more_breaks_no_page(device, org, client, broken):
    schedule = add(device)
    schedule.rules.update(**broken)
    api = Client(headers=bearer(owner_of(org)))
    DeviceStatus.unscoped.filter(device=device).update(last_seen_at=timezone.now() - timedelta(days=2))
    for address in ("/cameras", f"/cameras/{device.pk}", f"/cameras/{device.pk}/calendar"):
        assert client.get(address).status_code == 200
    for address in ("", f"/{device.pk}", f"/{device.pk}/config", f"/{device.pk}/calendar"):
        assert api.get(f"/v1/devices{address}").status_code == 200
    listed = client.get(f"/cameras/{device.pk}/schedules").text
    assert "No picture is to come." in listed
    assert ("Cannot be followed any more: The cron expression is wrong" in listed) == (broken is not OVER)
    [shown] = api.get(f"/v1/devices/{device.pk}/schedules").json()["schedules"]
    assert (shown["next_runs"], shown["label"]) == ([], "Round")
    assert client.get(f"/cameras/{device.pk}/schedules/{schedule.pk}").status_code == 200
    assert client.get(f"/cameras/{device.pk}/schedules/{schedule.pk}/remove").status_code == 200
    assert condition_of(with_condition(org.devices).get(), timezone.now()).reachable.state == "unknown"


def test_what_cannot_be_followed_any_more_is_switched_off_mended_and_removed(device):
    schedule = add(device)
    schedule.rules.update(time_zone="Europe/Atlantis")
    change(schedule, enabled=False)
    change(schedule, label="Tour")
    change(schedule, enabled=True)  # on the clock that the camera has
    assert (newest_rule(schedule).time_zone, schedule.label) == (VIENNA, "Tour")
    schedule.rules.update(time_zone="Europe/Atlantis")
    remove_schedule(schedule=schedule, acting_user=None)
    assert schedule.removed_at is not None


# API


def bearer(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {log_in(email=user.email, password=PASSWORD).access}"}


def call(method: str, address: str, user, data=None):
    sent = {} if data is None else {"data": data}
    url = f"/v1/devices/{address}"
    return getattr(Client(), method)(url, **sent, content_type="application/json", headers=bearer(user))


def test_an_admin_makes_changes_and_removes_a_schedule_by_the_api(device, org):
    admin = make_member(org, Role.ADMIN)
    fields = {"label": "Round", "interval_seconds": 600, "weekdays": [0, 1], "quiet_from": "22:00"}
    made = call("post", f"{device.pk}/schedules", admin, {**fields, "quiet_until": "06:00", "jitter_seconds": 30})
    assert made.status_code == 201
    body = made.json()
    runs = body.pop("next_runs")
    pk, next_run_at = body.pop("id"), body.pop("next_run_at")
    assert body == {
        "label": "Round",
        "enabled": True,
        "cron": None,
        "interval_seconds": 600,
        "time_zone": VIENNA,
        "weekdays": [0, 1],
        "quiet_from": "22:00",
        "quiet_until": "06:00",
        "jitter_seconds": 30,
        "in_words": "Every 10 minutes on Monday and Tuesday, not 22:00–06:00, "
        "up to 30 seconds later, Europe/Vienna",
        "last_run_at": None,
    }
    delay = datetime.fromisoformat(next_run_at) - datetime.fromisoformat(runs[0])
    assert len(runs) == 3
    assert timedelta() <= delay <= timedelta(seconds=30)
    one = f"{device.pk}/schedules/{pk}"
    changed = call("patch", one, admin, {"cron": "0 8 * * *", "weekdays": [], "enabled": False}).json()
    assert (changed["cron"], changed["interval_seconds"], changed["weekdays"]) == ("0 8 * * *", None, [])
    assert (changed["enabled"], changed["next_run_at"], changed["next_runs"]) == (False, None, [])
    assert call("get", one, make_member(org, Role.VIEWER)).json() == changed
    assert call("delete", one, admin).status_code == 204
    assert refused(call("get", one, admin))[:2] == (404, "schedule_not_found")
    assert call("get", f"{device.pk}/schedules", admin).json()["schedules"] == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "a second"), (30, "30 seconds"), (60, "a minute"), (90, "90 seconds"), (3600, "an hour")],
)
def test_how_long_runs_are_put_off_is_said_in_words(seconds, words):
    rule = Rule(interval_seconds=600, time_zone="UTC", jitter_seconds=seconds)
    assert in_words(rule) == f"Every 10 minutes, up to {words} later, UTC"


def test_a_preview_tells_the_next_runs_and_saves_nothing(device, org):
    shown = call("post", f"{device.pk}/schedules/preview", owner_of(org), {"cron": "0 8 * * *"}).json()
    assert (shown["in_words"], shown["time_zone"], len(shown["next_runs"])) == (
        "At 08:00 every day, Europe/Vienna",
        VIENNA,
        3,
    )
    answer = call("post", f"{device.pk}/schedules/preview", owner_of(org), {"cron": "0 25 * * *"})
    assert refused(answer)[:2] == (400, "invalid_schedule")
    assert "hour" in answer.json()["detail"]
    assert not Schedule.unscoped.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "Round"},
        {"interval_seconds": 600},
        {"label": "Round", "interval_seconds": 600, "weekdays": [7]},
        {"label": "Round", "interval_seconds": 600, "quiet_from": "25:00", "quiet_until": "06:00"},
        {"label": "Round", "interval_seconds": 10**30},
        {"label": "Round", "interval_seconds": 600, "wekdays": []},
    ],
)
def test_the_api_refuses_what_is_no_schedule(device, org, fields):
    assert call("post", f"{device.pk}/schedules", owner_of(org), fields).status_code == 400
    assert not Schedule.unscoped.exists()


def test_a_viewer_reads_only(device, org):
    viewer = make_member(org, Role.VIEWER)
    add(device)
    assert len(call("get", f"{device.pk}/schedules", viewer).json()["schedules"]) == 1
    assert call("post", f"{device.pk}/schedules", viewer, {}).status_code == 403


def test_another_cameras_schedule_is_not_there(device, org):
    other = add(make_device(org)[0])
    assert refused(call("get", f"{device.pk}/schedules/{other.pk}", owner_of(org)))[:2] == (
        404,
        "schedule_not_found",
    )
    page = logged_in(owner_of(org)).get(f"/cameras/{device.pk}/schedules/{other.pk}")
    assert page.status_code == 404


def test_schedules_do_not_leak_to_another_organization(device):
    schedule = add(device, "Unmentionable")
    stranger = owner_of(make_org(name="Strangers"))
    own = add(make_device(stranger.memberships.get().org)[0], "Own")
    api, client = Client(headers=bearer(stranger)), logged_in(stranger)
    for camera in (device.pk, own.device_id):  # theirs, and theirs under the address of one's own camera
        one = f"schedules/{schedule.pk}"
        pages = [f"/cameras/{camera}/{one}", f"/cameras/{camera}/{one}/remove"]
        answers = [client.get(address) for address in pages]
        answers += [client.post(address, FORM) for address in (*pages, f"/cameras/{camera}/{one}/switch")]
        sent = {"data": {"label": "Taken"}, "content_type": "application/json"}
        answers += [
            api.get(f"/v1/devices/{camera}/{one}"),
            api.patch(f"/v1/devices/{camera}/{one}", **sent),
            api.delete(f"/v1/devices/{camera}/{one}"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 8
        assert not any("Unmentionable" in answer.text for answer in answers)
    for method, address in (("get", ""), ("post", ""), ("post", "/preview")):
        assert call(method, f"{device.pk}/schedules{address}", stranger, {}).status_code == 404
    assert client.get(f"/cameras/{device.pk}/schedules").status_code == 404
    assert client.post(f"/cameras/{device.pk}/schedules/add", FORM).status_code == 404
    assert [one["label"] for one in api.get(f"/v1/devices/{own.device_id}/schedules").json()["schedules"]] == [
        "Own"
    ]
    assert "Unmentionable" not in client.get(f"/cameras/{own.device_id}/schedules").text
    schedule.refresh_from_db()
    assert (schedule.label, schedule.enabled, schedule.removed_at) == ("Unmentionable", True, None)
    assert device.schedules.count() == 1


# Pages

FORM = {"label": "Round", "kind": "interval", "every": "10", "unit": "minutes", "times": "", "cron": ""}


@pytest.fixture
def client(org):
    return logged_in(owner_of(org))


def test_a_schedule_is_previewed_then_saved_and_listed(device, client):
    address = f"/cameras/{device.pk}/schedules"
    form = {**FORM, "weekdays": ["0", "4"], "quiet_from": "22:00", "quiet_until": "06:00"}
    page = client.post(f"{address}/add", {**form, "preview": "1"})
    assert "Every 10 minutes on Monday and Friday, not 22:00–06:00, Europe/Vienna" in page.text
    assert not Schedule.unscoped.exists()
    assert client.post(f"{address}/add", form).status_code == 302
    listed = client.get(address).text
    assert "Round" in listed
    assert "Every 10 minutes on Monday and Friday, not 22:00–06:00, Europe/Vienna" in listed


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "interval", "every": "2", "unit": "hours"}, "Every 2 hours"),
        ({"kind": "interval", "every": "90", "unit": "seconds"}, "Every 90 seconds"),
        ({"kind": "times", "times": "8:00 20:00;8:30, 20:30"}, "At 08:00, 08:30, 20:00, and 20:30 every day"),
        ({"kind": "cron", "cron": "0 8 * * 1-5"}, "At 08:00 on Monday through Friday"),
        ({"kind": "interval", "times": "nonsense", "cron": "nonsense"}, "Every 10 minutes"),
    ],
)
def test_what_the_form_says_comes_back_when_it_is_edited(device, client, fields, words):
    address = f"/cameras/{device.pk}/schedules"
    assert client.post(f"{address}/add", {**FORM, **fields}).status_code == 302
    schedule = Schedule.unscoped.get()
    assert f"{words}, Europe/Vienna" in client.get(address).text
    form = client.get(f"{address}/{schedule.pk}").context["form"]
    again = {name: value for name, value in form.initial.items() if value is not None}
    assert client.post(f"{address}/{schedule.pk}", again).status_code == 302
    assert schedule.rules.count() == 1  # nothing differs


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"every": ""}, "Say when."),
        ({"every": "30", "unit": "seconds"}, "at least a minute"),
        ({"kind": "times", "times": "08:00, 12:30"}, "need two schedules"),
        ({"kind": "times", "times": "25:00"}, "no time of the day"),
        ({"kind": "cron", "cron": "0 8 * *"}, "five fields"),
        ({"kind": "cron", "cron": "0 3 * * *", "quiet_from": "22:00", "quiet_until": "06:00"}, "never run"),
        ({"quiet_from": "22:00"}, "a beginning and an end"),
        ({"label": "manual"}, "asked for by hand"),
        ({"label": ""}, "This field is required."),
    ],
)
def test_the_form_says_what_is_wrong(device, client, fields, says):
    page = client.post(f"/cameras/{device.pk}/schedules/add", {**FORM, **fields})
    assert page.status_code == 400
    assert says in page.text
    assert not Schedule.unscoped.exists()


def test_the_fragment_shows_the_next_runs_or_what_is_missing(device, client):
    address = f"/cameras/{device.pk}/schedules/preview"
    assert client.post(address, {**FORM, "label": ""}).text.count("<li>") == 3
    assert "Say when." in client.post(address, {**FORM, "every": ""}).text


def test_a_schedule_is_switched_off_and_on_and_removed_on_its_page(device, client):
    schedule = add(device)
    address = f"/cameras/{device.pk}/schedules"
    client.post(f"{address}/{schedule.pk}/switch", {"enabled": "no"})
    assert "until it is switched on" in client.get(address).text
    client.post(f"{address}/{schedule.pk}/switch", {"enabled": "yes"})
    schedule.refresh_from_db()
    assert schedule.enabled
    assert "Remove Round?" in client.get(f"{address}/{schedule.pk}/remove").text
    assert client.post(f"{address}/{schedule.pk}/remove").status_code == 302
    assert "There is none yet." in client.get(address).text


def test_the_page_says_when_a_camera_does_not_listen(device, client):
    address = f"/cameras/{device.pk}/schedules"
    assert "does not listen" in client.get(address).text
    type(device.status).unscoped.filter(device=device).update(listened_at=timezone.now())
    assert "does not listen" not in client.get(address).text


def test_a_viewer_sees_no_buttons(device, org):
    add(device)
    page = logged_in(make_member(org, Role.VIEWER)).get(f"/cameras/{device.pk}/schedules").text
    assert "Round" in page
    assert "Switch" not in page


def test_a_long_list_asks_no_more_than_a_short_one(device, client, org):
    api = Client(headers=bearer(owner_of(org)))
    add(device)
    addresses = ((client, f"/cameras/{device.pk}/schedules"), (api, f"/v1/devices/{device.pk}/schedules"))
    before = [len(statements_of(partial(one.get, address))) for one, address in addresses]
    for number in range(10):
        add(device, f"Round {number}")
    assert [len(statements_of(partial(one.get, address))) for one, address in addresses] == before
