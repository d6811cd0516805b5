"""A preview that takes too long for a request is counted by a worker, once, for who asked."""

import time
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from captures.models import Capture, Forecast, RetentionPolicy
from captures.retention import foreseeing
from captures.retention.foreseeing import (
    FORGOTTEN,
    FRESH,
    LEASE,
    MOST_ATTEMPTS,
    count_next_forecast,
    foresee,
    preview_of,
)
from captures.retention.preview import preview
from captures.retention.pruning import night_after
from captures.retention.rules import Rule
from captures.retention.tasks import count_forecasts, wake_forecasts
from captures.retention.tests.builders import make_policy, make_rows
from devices.models import Device
from orgs.models import Membership, Organization, Role
from tests.builders import logged_in, make_device, make_member, make_operator, make_org, make_token, owner_of
from tests.problems import refused

pytestmark = pytest.mark.django_db
EMPTY = {"gigabytes": "", "all_days": "", "hourly_days": ""}
RULE = {None: Rule(days=30)}


@pytest.fixture(autouse=True)
def no_time(monkeypatch):
    """As if there were a million pictures."""
    monkeypatch.setattr(foreseeing, "AT_ONCE_SECONDS", -1.0)


@pytest.fixture
def device() -> Device:
    device, _ = make_device(make_org(time_zone="UTC"))
    make_rows(device, [timezone.now() - timedelta(days=days) for days in (1, 50, 60)])
    return device


def asked(device: Device, rules=RULE, *, nights: int = 0, of: Device | None = None) -> Forecast:
    at = night_after(device.org, timezone.now()) + timedelta(days=nights)
    return foresee(device.org, at=at, until=foreseeing.at_once(), rules=rules, device=of)


def ask(method: str, url: str, membership: Membership, body: object = None):
    headers = {"Authorization": f"Bearer {make_token(membership)[1]}"}
    sent = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(Client(), method)(url, headers=headers, **sent)


ENDLESS = {
    "postgresql": "(SELECT pg_sleep(60)) IS NULL",
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000)"
    " SELECT count(*) FROM n) = 0",
}


def slowly(*, org: Organization, at: datetime) -> Q:
    """What keeps pictures, as if there were so many that one statement takes a minute or more."""
    return Q(RawSQL(ENDLESS[connection.vendor], (), output_field=BooleanField()))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("door", ["page", "program"])
def test_a_statement_that_takes_too_long_is_ended_and_left_to_a_worker(device, settings, monkeypatch, door):
    owner = device.org.memberships.get()
    client = logged_in(owner.user)
    monkeypatch.setattr(foreseeing, "AT_ONCE_SECONDS", 0.5)
    keepers, settings.RETENTION_KEEPERS = settings.RETENTION_KEEPERS, {"slowly": f"{__name__}.slowly"}
    began = time.monotonic()
    if door == "page":
        answer = client.post("/organization/retention", {**EMPTY, "days": "30"})
    else:
        answer = ask("post", "/v1/retention/preview", owner, {"days": 30})
    assert (answer.status_code, time.monotonic() - began < 30) == ({"page": 302, "program": 202}[door], True)
    assert DBTaskResult.objects.filter(task_path__endswith="count_forecasts").count() == 1
    # The connection is as good as before, for those who use it next without a limit.
    settings.RETENTION_KEEPERS = keepers
    assert Capture.unscoped.count() == 3
    count_forecasts.call()
    assert preview_of(asked(device)).pictures == 2


def test_what_is_counted_in_time_leaves_no_limit_behind(device, monkeypatch):
    monkeypatch.setattr(foreseeing, "AT_ONCE_SECONDS", 60.0)
    assert asked(device).state == "done"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)
        else:
            monkeypatch.setattr(time, "monotonic", lambda: float("inf"))
            cursor.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
                " SELECT max(i) FROM n"
            )
    monkeypatch.undo()


@pytest.mark.parametrize("of_camera", [False, True])
def test_the_page_says_since_when_it_is_counted_and_then_saves_what_it_showed(device, of_camera):
    client = logged_in(owner_of(device.org))
    path = f"/cameras/{device.pk}/retention" if of_camera else "/organization/retention"
    sent = client.post(path, {**EMPTY, "days": "30"})
    [forecast] = device.org.forecasts.all()
    assert (sent.status_code, sent["Location"]) == (302, f"{path}?forecast={forecast.pk}")
    assert DBTaskResult.objects.filter(task_path__endswith="count_forecasts").count() == 1
    page = client.get(sent["Location"]).content.decode()
    assert f"is being counted, since {forecast.asked_at:%-d %b %Y, %H:%M}" in page
    assert ">Save<" not in page
    count_forecasts.call()
    shown = client.get(sent["Location"])
    assert "Deletes 2 pictures, 2 kB." in shown.content.decode()
    form = shown.context["form"]
    assert RetentionPolicy.unscoped.count() == 0
    given = {**EMPTY, "days": form["days"].value(), "previewed": form["previewed"].value()}
    assert client.post(path, given)["Location"] == path
    assert RetentionPolicy.unscoped.get().days == 30


def test_a_forecast_of_something_else_is_not_shown(device):
    other = make_device(device.org)[0]
    client, forecast = logged_in(owner_of(device.org)), asked(device, {device.pk: Rule(days=3)}, of=device)
    strangers = asked(make_device(make_org())[0])
    addresses = ["/organization/retention", f"/cameras/{other.pk}/retention"]
    for address in [f"{address}?forecast={forecast.pk}" for address in addresses] + [
        f"/organization/retention?forecast={strangers.pk}",
        "/organization/retention?forecast=none",
    ]:
        answer = client.get(address)
        assert (answer.status_code, answer.context["forecast"]) == (200, None)


def test_a_limit_that_only_owners_change_is_saved_as_it_was_counted(device):
    client, wanted = logged_in(owner_of(device.org)), {**EMPTY, "days": "", "most_days": "55"}
    address = client.post("/organization/retention", wanted)["Location"]
    count_forecasts.call()
    form = client.get(address).context["form"]
    given = {name: form[name].value() for name in ("most_days", "previewed")}
    admin = logged_in(make_member(device.org, Role.ADMIN))
    assert admin.get(address).context["forecast"] is None  # who would save another thing
    assert client.post("/organization/retention", {**EMPTY, **given})["Location"] == "/organization/retention"
    device.org.refresh_from_db()
    assert device.org.retention_days == 55


def test_a_program_is_told_where_to_ask_and_then_the_numbers(device):
    owner = device.org.memberships.get()
    first = ask("post", "/v1/retention/preview", owner, {"days": 30})
    told = first.json()
    assert (first.status_code, first["Location"], first["Retry-After"]) == (202, told["url"], "5")
    assert ask("post", "/v1/retention/preview", owner, {"days": 30}).json() == told
    assert Forecast.unscoped.count() == 1
    assert ask("get", told["url"], owner).status_code == 202
    count_forecasts.call()
    answer = ask("get", told["url"], owner)
    assert (answer.status_code, answer.json()["sentence"]) == (200, "Deletes 2 pictures, 2 kB.")
    assert answer.json()["at"] == told["at"]
    # Asked again, it is not counted again.
    again = ask("post", "/v1/retention/preview", owner, {"days": 30})
    assert (again.status_code, again.json()) == (200, answer.json())


def test_a_forecast_does_not_leak(device):
    theirs, _ = make_device(make_org(time_zone="UTC"))
    url = f"/v1/retention/forecasts/{asked(device).pk}"
    assert refused(ask("get", url, theirs.org.memberships.get()))[0] == 404
    # The same question of another organization is another one.
    assert preview_of(asked(theirs)) is None
    count_forecasts.call()
    assert (preview_of(asked(device)).pictures, preview_of(asked(theirs)).pictures) == (2, 0)
    # Nor to those members who may not preview; admins see all cameras.
    assert refused(ask("get", url, make_member(device.org).memberships.get()))[0] == 403


def test_it_answers_for_this_rule_this_night_and_what_is_kept_at_most(device):
    first = asked(device)
    assert asked(device) == first
    others = [asked(device, {None: Rule(days=31)}), asked(device, nights=1), asked(device, of=device)]
    others.append(asked(device, {**RULE, device.pk: Rule(days=9)}))
    device.org.retention_days = 55
    others += [asked(device), asked(device, {})]
    assert len({forecast.pk for forecast in [first, *others]}) == 7
    count_forecasts.call()
    # A limit that is not saved is a part of the question.
    assert preview_of(asked(device, {})).pictures == 1
    assert Forecast.unscoped.get(pk=first.pk).pictures == 2


def test_what_a_worker_counts_is_what_is_counted_at_once(device):
    make_policy(device.org, device=make_device(device.org)[0], days=3)
    make_rows(device, [timezone.now() - timedelta(days=70)], hold=True)
    rules = {None: Rule(all_days=2, hourly_days=3, bytes=2500)}
    asked(device, rules)
    count_forecasts.call()
    found = preview_of(asked(device, rules))
    assert found == preview(device.org, at=found.at, rules=rules)
    at_once = foresee(device.org, at=found.at + timedelta(days=1), until=time.monotonic() + 60, rules=rules)
    assert (at_once.state, Forecast.unscoped.count()) == ("done", 1)


def test_what_a_killed_worker_left_is_counted_by_another_and_given_up_in_the_end(device):
    forecast = asked(device)
    rows = Forecast.unscoped.filter(pk=forecast.pk)
    for _ in range(MOST_ATTEMPTS):
        dead = foreseeing._claim()
        assert dead is not None
        assert foreseeing._claim() is None  # as long as its lease lasts
        rows.update(due_at=timezone.now() - timedelta(seconds=1))
    wake_forecasts()
    assert DBTaskResult.objects.count() == 1
    assert count_next_forecast() is False
    foreseeing._finish(dead, pictures=7)  # too late
    assert rows.get().pictures == 0
    answer = ask("get", f"/v1/retention/forecasts/{forecast.pk}", device.org.memberships.get())
    assert refused(answer)[:2] == (503, "forecast_failed")
    page = logged_in(owner_of(device.org)).get(f"/organization/retention?forecast={forecast.pk}")
    assert "It could not be counted. It was begun several times" in page.content.decode()
    # Whoever asks again has it begun anew.
    assert (asked(device).state, asked(device) == forecast) == ("waiting", False)
    assert count_next_forecast() is True


def test_a_worker_at_work_keeps_its_lease(device, monkeypatch):
    monkeypatch.setattr(foreseeing, "BREATH_SECONDS", -1.0)
    forecast = asked(device)
    Forecast.unscoped.update(due_at=timezone.now() - timedelta(hours=1))
    before = timezone.now()
    assert count_next_forecast() is True
    forecast.refresh_from_db()
    assert forecast.due_at >= before + LEASE
    assert forecast.state == "done"


def test_a_camera_that_went_meanwhile_is_said(device):
    forecast = asked(device, {device.pk: Rule(days=3)}, of=device)
    Forecast.unscoped.update(question={**forecast.question, "device": str(forecast.pk)})
    assert count_next_forecast() is True
    assert Forecast.unscoped.get().error == "The camera is not there any more."


def test_what_was_counted_is_shown_while_it_is_fresh_and_forgotten_after_a_day(device):
    forecast = asked(device)
    count_forecasts.call()
    Forecast.unscoped.update(finished_at=timezone.now() - FRESH)
    anew = asked(device)
    assert (anew.state, anew == forecast) == ("waiting", False)
    Forecast.unscoped.update(asked_at=timezone.now() - FORGOTTEN)
    wake_forecasts()
    assert not Forecast.unscoped.exists()


def test_operators_are_told_what_is_being_counted(device):
    make_policy(device.org, days=30)
    client = logged_in(make_operator())
    url = "/admin/captures/housekeepingrun/would/prune/"
    assert "It is being counted since" in client.get(url).content.decode()
    assert "It is being counted since" in client.get(url).content.decode()
    assert Forecast.unscoped.count() == 1
    count_forecasts.call()
    assert "Deletes 2 pictures, 2 kB." in client.get(url).content.decode()
