"""What the camera's page says of a picture that was asked for: how far it is, and never farther."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from captures.evaluation.services import evaluate_next
from captures.models import Capture
from captures.picture_urls import picture_url
from captures.told.pictures import newest_by_hand
from devices.models import Command
from devices.services.commands import acknowledge_command, expire_commands, queue_command, take_commands
from devices.services.lifecycle import suspend_device
from orgs.models import Membership
from tests.builders import logged_in, make_device, make_jpeg, make_member, make_org, membership_of, owner_of
from tests.queries import statements_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_addresses")]


@pytest.fixture
def camera():
    return make_device(make_org())


@pytest.fixture
def owner(camera) -> Client:
    return logged_in(owner_of(camera[0].org))


def hand_in(camera, trigger_id: str, seed: int = 1) -> Capture:
    headers = {"Authorization": f"Bearer {camera[1]}"}
    url = f"/v1/captures?trigger_id={trigger_id}&record_id={trigger_id}"
    assert Client().post(url, make_jpeg(seed), content_type="image/jpeg", headers=headers).status_code == 201
    return Capture.unscoped.get(record_id=trigger_id)


def ask(camera, name: str = "asked", **fields) -> Command:
    return queue_command(device=camera[0], trigger_type="manual", trigger_id=name, **fields)


def live(client: Client, camera) -> tuple[str, bool]:
    """Return the words on what was asked for by hand, and whether something more is to be expected of it."""
    text = client.get(f"/cameras/{camera[0].pk}/told").text
    assert f'data-live="/cameras/{camera[0].pk}/told"' in text  # it may be told something else at any time
    told = newest_by_hand(membership_of(camera[0].org, owner_of(camera[0].org)), camera[0])
    shown = " ".join(re.sub(r"<[^>]+>", " ", text).split()).partition("Lately told")[0].strip()
    return shown, told is not None and not told.is_settled


def test_nothing_is_shown_when_nothing_was_asked(owner, camera):
    assert live(owner, camera) == ("", False)
    assert "Lately told" not in owner.get(f"/cameras/{camera[0].pk}").text


def test_sent_is_never_shown_as_done(owner, camera):
    device, _ = camera
    ask(camera)
    words, goes_on = live(owner, camera)
    assert words.startswith("Queued The camera is told as soon as it listens.")
    assert "This camera has never listened." in words
    assert goes_on
    take_commands(device_id=device.pk, again=True)
    words, goes_on = live(owner, camera)
    assert words.startswith("Sent Told to the camera. Waiting for its picture.")
    assert (goes_on, "Done" in words, "arrived" in words) == (True, False, False)
    acknowledge_command(device=device, trigger_id="asked")
    words, goes_on = live(owner, camera)
    assert words.startswith("Done The camera says it is done. Its picture has not come yet.")
    assert goes_on


def test_the_picture_is_shown_when_it_has_arrived_until_its_preview_is_there(owner, camera):
    ask(camera)
    capture = hand_in(camera, "asked")
    words, goes_on = live(owner, camera)
    assert re.match(r"Arrived The picture has arrived, \d+ s after it was asked for\.", words)
    page = owner.get(f"/cameras/{camera[0].pk}/told").text
    assert (goes_on, f'href="/captures/{capture.pk}"' in page) == (True, True)
    assert f'src="{picture_url(capture.storage_key)}"' in page
    evaluate_next()
    page = owner.get(f"/cameras/{camera[0].pk}/told").text
    capture.refresh_from_db()
    assert f'src="{picture_url(capture.thumbnail_key)}"' in page
    assert not live(owner, camera)[1]
    suspend_device(device=camera[0], acting_user=None)
    assert "data-live" not in owner.get(f"/cameras/{camera[0].pk}/told").text


def test_what_was_told_lately_is_kept_up_to_date_with_it(owner, camera):
    device, _ = camera
    due = {"schedule": device.schedules.create(org=device.org, label="Morning"), "due_at": timezone.now()}
    queue_command(
        device=device, trigger_type="schedule", trigger_id="run-1", parameters={"label": "Morning"}, **due
    )
    first = owner.get(f"/cameras/{device.pk}/told")
    assert ("Schedule “Morning”" in first.text, "<td>Queued</td>" in first.text) == (True, True)
    etag = first["ETag"]
    take_commands(device_id=device.pk, again=True)
    changed = owner.get(f"/cameras/{device.pk}/told", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert "<td>Sent</td>" in changed.text


def test_what_failed_says_why_and_what_expired_whether_it_was_told(owner, camera):
    device, _ = camera
    ask(camera)
    acknowledge_command(device=device, trigger_id="asked", failure="The lens is <dirty>.")
    assert live(owner, camera) == (
        f"Failed The camera could not take it: The lens is &lt;dirty&gt;. {asked_at(device)}.",
        False,
    )
    ask(camera, "unheard", life=timedelta(seconds=-1))
    expire_commands()
    assert live(owner, camera)[0].startswith("Expired The camera did not listen in time.")
    ask(camera, "unanswered")
    take_commands(device_id=device.pk, again=True)
    Command.unscoped.filter(trigger_id="unanswered").update(expires_at=timezone.now())
    expire_commands()
    words, goes_on = live(owner, camera)
    assert words.startswith("Expired The camera was told, but no picture came in time.")
    assert not goes_on


def asked_at(device) -> str:
    return f"Asked for at {device.commands.get(trigger_id='asked').created_at:%H:%M:%S}"


def test_unchanged_it_is_a_304(owner, camera):
    ask(camera)
    url = f"/cameras/{camera[0].pk}/told"
    etag = owner.get(url)["ETag"]
    assert owner.get(url, headers={"If-None-Match": etag}).status_code == 304
    take_commands(device_id=camera[0].pk, again=True)
    assert owner.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_only_what_was_asked_by_hand_lately_is_shown_large_and_the_last_ten_in_the_list(owner, camera):
    device, _ = camera
    ask(camera, "by-hand")
    schedule = device.schedules.create(org=device.org, label="Morning")
    for number in range(11):
        of = {"schedule": schedule, "due_at": timezone.now(), "parameters": {"label": "Morning"}}
        queue_command(device=device, trigger_type="schedule", trigger_id=f"run-{number}", **of)
    assert live(owner, camera)[1]
    page = owner.get(f"/cameras/{device.pk}").text
    assert (page.count("Schedule “Morning”"), page.count("<td>Manual</td>")) == (10, 0)
    Command.unscoped.filter(trigger_id="by-hand").update(created_at=timezone.now() - timedelta(hours=2))
    assert live(owner, camera) == ("", False)


def test_the_list_takes_as_many_queries_for_many_as_for_few(owner, camera):
    def queries() -> int:
        return len(statements_of(lambda: owner.get(f"/cameras/{camera[0].pk}")))

    ask(camera, "first")
    hand_in(camera, "first", 0)
    queries()
    few = queries()
    for seed in range(1, 6):
        ask(camera, f"more-{seed}")
        hand_in(camera, f"more-{seed}", seed)
    assert queries() == few


def test_a_picture_before_the_memberships_history_is_not_shown(camera):
    device, _ = camera
    user = make_member(device.org)
    ask(camera)
    hand_in(camera, "asked")
    since = timezone.now() - timedelta(minutes=30)
    Membership.unscoped.filter(user=user).update(history_from=since)
    Capture.unscoped.update(captured_at=since - timedelta(hours=1))
    words, _ = live(logged_in(user), camera)
    assert words.startswith("Done The camera says it is done.")


def test_what_was_asked_before_the_memberships_history_is_not_shown(owner, camera):
    device, _ = camera
    user = make_member(device.org)
    ask(camera)
    Membership.unscoped.filter(user=user).update(history_from=timezone.now())
    page = f"/cameras/{device.pk}"
    assert live(logged_in(user), camera)[0] == ""
    assert "Lately told" not in logged_in(user).get(page).text
    assert "Lately told" in owner.get(page).text


def test_a_picture_of_another_camera_is_none_of_this_one(owner, camera):
    ask(camera)
    hand_in(make_device(camera[0].org), "asked")
    assert live(owner, camera)[0].startswith("Queued")


def test_another_organization_sees_nothing(camera):
    ask(camera)
    assert logged_in(owner_of(make_org())).get(f"/cameras/{camera[0].pk}/told").status_code == 404
