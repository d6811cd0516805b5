"""Saying how long pictures are kept: on the pages and by the API, and nothing that was not previewed."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from captures.models import HousekeepingRun, RetentionPolicy
from captures.retention.policies import InvalidPolicy, remove_policy, set_policy
from captures.retention.pruning import next_run_at, night_after
from captures.retention.rules import Rule
from captures.retention.tests.builders import make_policy, make_rows
from devices.models import Device
from orgs.models import AuditEntry, Role
from tests.builders import logged_in, make_device, make_member, make_org, make_token, owner_of
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
EMPTY = {"days": "", "gigabytes": "", "all_days": "", "hourly_days": ""}


@pytest.fixture
def device() -> Device:
    device, _ = make_device(make_org(time_zone="UTC"))
    make_rows(device, [timezone.now() - timedelta(days=days) for days in (1, 50, 60)])
    return device


def rule_of(device: Device, *, own: bool = False) -> tuple | None:
    policy = RetentionPolicy.unscoped.filter(org=device.org, device=device if own else None).first()
    return policy and (policy.days, policy.bytes, policy.all_days, policy.hourly_days, policy.hold)


# --- pages


@pytest.mark.parametrize("of_camera", [False, True])
def test_what_is_saved_was_previewed(device, of_camera):
    client = logged_in(owner_of(device.org))
    url = f"/cameras/{device.pk}/retention" if of_camera else "/organization/retention"
    assert "kept for ever" in client.get(url).content.decode()
    wanted = {**EMPTY, "days": "30", "gigabytes": "1.5", "all_days": "7", "hourly_days": "0"}
    shown = client.post(url, wanted)
    assert (shown.status_code, rule_of(device, own=of_camera)) == (200, None)
    assert "Deletes 2 pictures, 2 kB." in shown.content.decode()
    assert shown.context["preview"].at == night_after(device.org, timezone.now())
    previewed = shown.context["form"]["previewed"].value()
    # Something else than what was shown is shown first.
    assert client.post(url, {**wanted, "days": "20", "previewed": previewed}).status_code == 200
    assert rule_of(device, own=of_camera) is None
    assert client.post(url, {**wanted, "previewed": previewed}).status_code == 302
    assert rule_of(device, own=of_camera) == (30, 1_500_000_000, 7, 0, False)
    assert next_run_at(device.org, timezone.now()) == shown.context["preview"].at
    again = client.get(url)
    assert again.context["form"]["gigabytes"].value() == "1.5"
    text = again.content.decode()
    assert "kept for 30 days; at most 1.5 GB; all for 7 days, then one a day" in text
    entry = AuditEntry.unscoped.get(action="retention.changed")
    assert (entry.after["days"], entry.device_id) == (30, device.pk if of_camera else None)


def test_an_owner_sees_first_what_a_limit_for_all_cameras_deletes(device):
    make_policy(device.org, device=device, days=900)
    client, wanted = logged_in(owner_of(device.org)), {**EMPTY, "most_days": "55"}
    shown = client.post("/organization/retention", wanted)
    assert "Deletes 1 picture, 1 kB." in shown.content.decode()
    previewed = shown.context["form"]["previewed"].value()
    other = {**wanted, "most_days": "40", "previewed": previewed}
    assert client.post("/organization/retention", other).status_code == 200
    device.org.refresh_from_db()
    assert device.org.retention_days is None
    assert client.post("/organization/retention", {**wanted, "previewed": previewed}).status_code == 302
    device.org.refresh_from_db()
    assert device.org.retention_days == 55
    assert AuditEntry.unscoped.get(action="organization.changed").after == {"retention_days": 55}


def test_an_admin_does_not_change_the_limit_for_all_cameras(device):
    client = logged_in(make_member(device.org, Role.ADMIN))
    shown = client.post("/organization/retention", {**EMPTY, "most_days": "1"})
    assert "Deletes nothing." in shown.content.decode()
    assert "most_days" not in shown.context["form"].fields
    previewed = shown.context["form"]["previewed"].value()
    assert (
        client.post("/organization/retention", {**EMPTY, "most_days": "1", "previewed": previewed}).status_code
        == 302
    )
    device.org.refresh_from_db()
    assert device.org.retention_days is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"most_days": "0"}, "greater than or equal to 1"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "many"}, "whole number"),
        ({"days": "40000"}, "less than or equal to 36500"),
        ({"gigabytes": "-1"}, "more than nothing"),
        ({"gigabytes": "99999999"}, "less than or equal to 10000000"),
        ({"gigabytes": "NaN"}, "number"),
        ({"all_days": "7"}, "needs both numbers"),
        ({"hourly_days": "7"}, "needs both numbers"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(device, wrong, sentence):
    answer = logged_in(owner_of(device.org)).post("/organization/retention", {**EMPTY, **wrong})
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert rule_of(device) is None


def test_a_camera_goes_by_its_organizations_rule_again(device):
    make_policy(device.org, days=30)
    make_policy(device.org, device=device, days=900)
    client = logged_in(owner_of(device.org))
    assert device.name in client.get("/organization/retention").content.decode()
    page = client.get(f"/cameras/{device.pk}/retention").content.decode()
    assert "its own: kept for 900 days" in page
    assert client.post(f"/cameras/{device.pk}/retention/remove", follow=True).status_code == 200
    page = client.get(f"/cameras/{device.pk}/retention").content.decode()
    assert "the organization&#x27;s: kept for 30 days" in page or "the organization's: kept for 30 days" in page
    remove_policy(device=device, acting_user=owner_of(device.org))  # again changes nothing
    assert AuditEntry.unscoped.filter(action="retention.removed").count() == 1


def test_the_page_tells_the_plans_limit_and_the_last_night(device):
    org = device.org
    org.retention_days = 40
    org.save()
    HousekeepingRun.objects.create(
        job="prune",
        subject=str(org.pk),
        day=timezone.now().date(),
        finished_at=timezone.now(),
        report={"pictures": 12431, "bytes": 38_000_000_000, "kept": {"held": 2, "shared": 3}},
    )
    text = logged_in(owner_of(org)).get("/organization/retention").content.decode()
    assert "40 days, also for cameras with a rule of their own" in text
    assert "Deleted 12,431 pictures, 38 GB; 2 held, 3 shared: kept." in text


def test_the_page_takes_as_many_queries_for_many_cameras_as_for_few(device):
    client = logged_in(owner_of(device.org))
    make_policy(device.org, device=make_device(device.org)[0], days=3)
    client.get("/organization/retention")
    few = len(statements_of(lambda: client.get("/organization/retention")))
    for _ in range(4):
        make_policy(device.org, device=make_device(device.org)[0], days=3)
    assert len(statements_of(lambda: client.get("/organization/retention"))) == few


# --- the API


def ask(method: str, url: str, device: Device, body: object = None):
    text = make_token(device.org.memberships.get())[1]
    headers = {"Authorization": f"Bearer {text}"}
    sent = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(Client(), method.lower())(url, headers=headers, **sent)


def test_a_program_previews_and_says_what_is_kept(device):
    rule = {"days": 30, "thinning": {"all_days": 7, "hourly_days": 90}}
    foreseen = ask("POST", "/v1/retention/preview", device, rule).json()
    assert (foreseen["pictures"], foreseen["bytes"], foreseen["kept"]) == (2, 2000, {})
    assert foreseen["sentence"] == "Deletes 2 pictures, 2 kB."
    assert rule_of(device) is None
    answer = ask("PUT", "/v1/retention", device, rule)
    assert answer.status_code == 200
    told = ask("GET", "/v1/retention", device).json()
    assert told["days"] == answer.json()["days"]
    assert {name: told[name] for name in ("days", "bytes", "thinning", "hold", "own", "plan_days")} == {
        "days": 30,
        "bytes": None,
        "thinning": {"all_days": 7, "hourly_days": 90},
        "hold": False,
        "own": True,
        "plan_days": None,
    }


def test_a_program_previews_what_it_would_patch(device):
    """Nothing asks when ``PATCH /v1/orgs/current`` lowers what is kept at most: this is where to look first."""
    foreseen = ask("POST", "/v1/retention/preview", device, {"plan_days": 55}).json()
    assert foreseen["pictures"] == 1
    assert ask("POST", "/v1/retention/preview", device, {"plan_days": None}).json()["pictures"] == 0
    of_camera = f"/v1/devices/{device.pk}/retention/preview"
    assert refused(ask("POST", of_camera, device, {"plan_days": 55}))[:2] == (400, "invalid")
    assert ask("PATCH", "/v1/orgs/current", device, {"retention_days": 55}).json()["retention_days"] == 55
    assert ask("POST", "/v1/retention/preview", device, {}).json()["pictures"] == foreseen["pictures"]


def test_a_cameras_own_rule_by_the_api(device):
    url = f"/v1/devices/{device.pk}/retention"
    make_policy(device.org, days=55)
    assert (ask("GET", url, device).json()["days"], ask("GET", url, device).json()["own"]) == (55, False)
    assert ask("POST", f"{url}/preview", device, {"days": 55}).json()["pictures"] == 1
    assert ask("PUT", url, device, {"bytes": 5}).json()["bytes"] == 5
    assert rule_of(device, own=True) == (None, 5, None, None, False)
    gone = ask("DELETE", url, device)
    assert (gone.status_code, gone.json()["own"], gone.json()["days"]) == (200, False, 55)


@pytest.mark.parametrize(
    "wrong",
    [{"days": 0}, {"day": 3}, {"bytes": 0}, {"bytes": 2**70}, {"thinning": {"all_days": 3}}, {"thinning": 7}],
)
@pytest.mark.parametrize("path", ["", "/preview"])
def test_the_api_refuses_what_makes_no_sense(device, wrong, path):
    answer = ask("POST" if path else "PUT", f"/v1/retention{path}", device, wrong)
    assert refused(answer)[:2] == (400, "invalid")
    assert rule_of(device) is None


def test_the_service_refuses_what_the_doors_would_not_send(device):
    for rule in (Rule(days=0), Rule(all_days=3), Rule(hourly_days=3), Rule(bytes=-1), Rule(days=10**6)):
        with pytest.raises(InvalidPolicy):
            set_policy(org=device.org, rule=rule, acting_user=owner_of(device.org))


def test_saving_the_same_again_is_no_entry(device):
    for _ in range(2):
        set_policy(org=device.org, rule=Rule(days=3), acting_user=owner_of(device.org))
    assert AuditEntry.unscoped.filter(action="retention.changed").count() == 1
