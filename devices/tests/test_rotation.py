"""A key that replaces another: delivered with the configuration; the old one ends once the new one was used."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from devices.models import DeviceKey
from devices.services.keys import (
    DeviceRetired,
    DeviceSuspended,
    KeyEndsInThePast,
    KeyExpired,
    KeyRevoked,
    authenticate_device,
    issue_key,
    revoke_key,
)
from devices.services.listening import Listener, collect_news
from devices.services.reminders import remind_of_expiring_keys
from devices.services.rotation import KeyNotActive, RotationWaits, forget_undeliverable, rotate_key
from orgs import scope
from orgs.models import AuditEntry
from tests.builders import logged_in, make_device, make_org, owner_of
from tests.queries import statements_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def camera():
    return make_device(make_org(time_zone="Europe/Vienna"))


def fetch(device, key: str, etag: str = ""):
    headers = {"Authorization": f"Bearer {key}", "If-None-Match": etag}
    return Client().get(f"/v1/devices/{device.pk}/config", headers=headers)


def rotate(camera, **fields) -> DeviceKey:
    return rotate_key(device=camera[0], acting_user=owner_of(camera[0].org), **fields)


def fetched(camera) -> str:
    return fetch(*camera).json()["key"]["text"]


def actions() -> list[str]:
    return list(
        AuditEntry.unscoped.filter(action__startswith="key.").order_by("pk").values_list("action", flat=True)
    )


# --- the whole way


def test_the_new_key_is_fetched_and_used_and_the_old_one_is_dead(camera):
    device, old_text = camera
    old = device.keys.get()
    etag = fetch(*camera)["ETag"]
    new = rotate(camera)
    assert device.configuration_version == 2
    answer = fetch(device, old_text, etag)
    key = answer.json()["key"]
    old.refresh_from_db()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert key["replaces"] == old.prefix
    assert old.expires_at - timezone.now() > timedelta(days=29)
    assert key["text"].startswith(f"vis_dev_{new.prefix}_")
    # Both open while the new one was not used.
    assert fetch(device, old_text, answer["ETag"]).status_code == 304
    used = fetch(device, key["text"])
    assert (used.status_code, "key" in used.json()) == (200, False)
    with pytest.raises(KeyRevoked):
        authenticate_device(text=old_text, ip=None)
    new.refresh_from_db()
    assert (new.sealed, new.is_waiting, new.state) == ("", False, "active")
    assert actions() == ["key.issued", "key.rotation_begun", "key.rotated"]
    entry = AuditEntry.unscoped.get(action="key.rotated")
    assert (entry.actor_kind, entry.actor_id, entry.after) == ("device", device.pk, {"replaced": str(old)})


def test_a_delivery_that_was_lost_is_repeated(camera):
    rotate(camera)
    first = fetched(camera)
    noted = camera[0].keys.get(replaces__isnull=False).delivered_at
    assert (fetched(camera), noted is not None) == (first, True)
    assert camera[0].keys.get(replaces__isnull=False).delivered_at == noted
    assert authenticate_device(text=camera[1], ip=None).state == "active"


def test_the_text_stands_nowhere_but_sealed(camera):
    new = rotate(camera)
    text = fetched(camera)
    for row in DeviceKey.unscoped.values():
        assert text not in str(row)
        assert text.split("_")[3] not in str(row)
    assert new.sealed
    assert text not in str(list(AuditEntry.unscoped.values()))


def test_only_the_key_that_is_replaced_fetches_the_new_one(camera):
    device, _ = camera
    old = device.keys.get()
    _, another = issue_key(device=device, acting_user=None)
    rotate(camera, key=old)
    assert "key" not in fetch(device, another).json()
    assert "key" in fetch(*camera).json()


def test_nobody_else_sees_the_new_key(camera):
    rotate(camera)
    text = fetched(camera)
    client = Client()
    client.force_login(owner_of(camera[0].org))
    for page in (f"/cameras/{camera[0].pk}/settings", f"/cameras/{camera[0].pk}", "/organization/audit"):
        assert text not in client.get(page).text


def test_using_the_new_key_takes_one_statement_ever_after(camera):
    rotate(camera)
    text = fetched(camera)
    assert len(statements_of(lambda: authenticate_device(text=text, ip=None))) > 3
    assert len(statements_of(lambda: authenticate_device(text=text, ip=None))) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_first_uses_at_once_one_ends_the_old_key():
    camera = make_device()
    rotate(camera)
    text = fetched(camera)
    keys = at_once(lambda number: authenticate_device(text=text, ip=None))
    assert [key.state for key in keys] == ["active", "active"]
    assert actions().count("key.rotated") == 1
    assert camera[0].keys.get(replaces=None).state == "revoked"


# --- which key, and for how long


def test_without_naming_one_the_key_used_last_is_replaced(camera):
    device, _ = camera
    second, text = issue_key(device=device, acting_user=None)
    issue_key(device=device, acting_user=None)
    authenticate_device(text=text, ip=None)
    assert rotate(camera).replaces == second


def test_the_new_key_has_the_quota_and_an_end_of_its_own(camera):
    device, _ = camera
    ends = timezone.now() + timedelta(days=400)
    old, _ = issue_key(
        device=device, acting_user=None, daily_quota=50, expires_at=timezone.now() + timedelta(days=5)
    )
    new = rotate(camera, key=old, days=7, expires_at=ends)
    before = old.expires_at
    old.refresh_from_db()
    assert (new.daily_quota, new.expires_at, old.expires_at) == (50, ends, before)


def test_a_key_that_has_ended_is_not_replaced(camera):
    device, _ = camera
    key = device.keys.get()
    DeviceKey.unscoped.update(expires_at=timezone.now())
    with pytest.raises(KeyNotActive):
        rotate(camera, key=key)
    with pytest.raises(KeyNotActive):
        rotate(camera)
    assert device.keys.count() == 1


def test_a_key_of_another_camera_is_not_replaced(camera):
    other, _ = make_device(camera[0].org)
    with pytest.raises(KeyNotActive):
        rotate(camera, key=other.keys.get())


def test_while_one_waits_no_other_is_made(camera):
    old = camera[0].keys.get()
    new = rotate(camera)
    for key in (old, new):
        with pytest.raises(RotationWaits):
            rotate(camera, key=key)
    revoke_key(key=new, acting_user=None)
    assert new.sealed == ""
    assert "key" not in fetch(*camera).json()
    assert rotate(camera, key=old).replaces == old


def ends_of(key: DeviceKey):
    key.refresh_from_db()
    return key.expires_at


@pytest.mark.parametrize("days", [None, 400, 5])
def test_revoking_the_key_that_waits_gives_the_old_one_its_former_end_back(camera, days):
    end = timezone.now() + timedelta(days=days) if days else None
    old, _ = issue_key(device=camera[0], acting_user=None, expires_at=end)
    new = rotate(camera, key=old, days=20)
    assert ends_of(old) == end if days == 5 else ends_of(old) < timezone.now() + timedelta(days=21)
    DeviceKey.unscoped.filter(pk=old.pk).update(reminded_of=14)
    revoke_key(key=new, acting_user=owner_of(camera[0].org))
    assert (ends_of(old), old.reminded_of, old.ends_for_successor) == (end, None, False)
    entry = AuditEntry.unscoped.get(action="key.revoked")
    assert entry.after["spared"] == str(old)
    # Nor does the next rotation forget it.
    revoke_key(key=rotate(camera, key=old), acting_user=None)
    assert ends_of(old) == end


def test_a_key_that_ended_for_its_successor_stays_dead_and_one_that_still_waits_keeps_its_end(camera):
    old = camera[0].keys.get()
    new = rotate(camera)
    DeviceKey.unscoped.filter(pk=old.pk).update(expires_at=timezone.now())
    revoke_key(key=new, acting_user=None)
    assert old.state == "active"  # as it was read
    assert ends_of(old) is not None
    assert old.state == "expired"

    second, _ = issue_key(device=camera[0], acting_user=None)
    void = rotate(camera, key=second, days=3, expires_at=timezone.now() + timedelta(days=1))
    DeviceKey.unscoped.filter(pk=void.pk).update(expires_at=timezone.now())  # never used
    waiting = rotate(camera, key=second, days=9)
    revoke_key(key=void, acting_user=None)
    assert timezone.now() + timedelta(days=8) < ends_of(second) < timezone.now() + timedelta(days=10)
    revoke_key(key=waiting, acting_user=None)
    assert ends_of(second) is None


def test_the_page_says_how_the_old_key_goes_on(camera):
    client = logged_in(owner_of(camera[0].org))
    page = f"/cameras/{camera[0].pk}/keys/{rotate(camera).pk}/revoke"
    assert "then goes on without an end, as before" in client.get(page).text
    assert "goes on without an end." in client.post(page, follow=True).text


# --- whether a key may be used


@pytest.mark.parametrize("why", ["revoked", "expired", "suspended", "retired", ""])
def test_a_request_and_a_stream_that_is_held_ask_the_same_rule(camera, why):
    device, text = camera
    key = device.keys.get()
    listener = Listener(key.pk, device.pk, ())
    now = timezone.now()
    rows = {
        "revoked": {"revoked_at": now},
        "expired": {"expires_at": now},
        "suspended": {"device": {"suspended_at": now}},
        "retired": {"device": {"retired_at": now}},
        "": {},
    }[why]
    type(device).unscoped.filter(pk=device.pk).update(**rows.pop("device", {}) or {"name": "Gate"})
    DeviceKey.unscoped.filter(pk=key.pk).update(**rows or {"reminded_of": None})
    refused = {
        "revoked": KeyRevoked,
        "expired": KeyExpired,
        "suspended": DeviceSuspended,
        "retired": DeviceRetired,
    }
    assert (device.pk in collect_news(listeners=[listener])) is not bool(why)
    if why:
        with pytest.raises(refused[why]):
            authenticate_device(text=text, ip=None)
    else:
        assert authenticate_device(text=text, ip=None) == key


@pytest.mark.django_db(transaction=True)
def test_two_who_replace_a_key_at_once_make_one_new_key():
    camera = make_device()
    answers = at_once(lambda number: rotate_key(device=camera[0], acting_user=None))
    assert sorted(type(answer).__name__ for answer in answers) == ["DeviceKey", "RotationWaits"]
    assert camera[0].keys.count() == 2


def test_the_new_key_must_end_in_the_future(camera):
    with pytest.raises(KeyEndsInThePast):
        rotate(camera, expires_at=timezone.now())
    assert camera[0].keys.get().expires_at is None


def test_an_old_key_that_ended_without_evidence_is_dead_and_the_new_one_cannot_be_fetched(camera):
    rotate(camera)
    DeviceKey.unscoped.filter(replaces=None).update(expires_at=timezone.now())
    assert fetch(*camera).status_code == 401
    assert forget_undeliverable() == 1
    assert forget_undeliverable() == 0
    assert not DeviceKey.unscoped.exclude(sealed="").exists()


def test_a_camera_that_fetched_its_key_and_slept_comes_back_with_it(camera):
    rotate(camera)
    text = fetched(camera)
    DeviceKey.unscoped.filter(replaces=None).update(expires_at=timezone.now())
    forget_undeliverable()
    assert authenticate_device(text=text, ip=None).state == "active"
    with pytest.raises(KeyExpired):
        authenticate_device(text=camera[1], ip=None)


def test_revoking_a_key_that_leaked_ends_what_was_to_replace_it(camera):
    device, old_text = camera
    old = device.keys.get()
    new = rotate(camera)
    stolen = fetched(camera)  # by whoever holds the old key
    revoke_key(key=old, acting_user=owner_of(device.org))
    for text in (old_text, stolen):
        with pytest.raises(KeyRevoked):
            authenticate_device(text=text, ip=None)
    assert fetch(device, stolen).status_code == 401
    new.refresh_from_db()
    assert (new.state, new.sealed) == ("revoked", "")
    revoked = AuditEntry.unscoped.filter(action="key.revoked")
    assert set(revoked.values_list("target_id", flat=True)) == {str(old.pk), str(new.pk)}
    revoke_key(key=old, acting_user=owner_of(device.org))
    assert revoked.count() == 2


def test_it_ends_them_however_many_in_a_row_but_none_that_was_used(camera):
    device, _ = camera
    first = device.keys.get()
    second = rotate(camera)
    DeviceKey.unscoped.filter(pk=second.pk).update(sealed="")  # its text was forgotten
    third = rotate(camera, key=second)
    beside, _ = issue_key(device=device, acting_user=None)
    revoke_key(key=first, acting_user=None)
    assert set(device.keys.filter(revoked_at=None)) == {beside}
    fourth = rotate(camera, key=beside)
    DeviceKey.unscoped.filter(pk=fourth.pk).update(last_used_at=timezone.now())
    revoke_key(key=beside, acting_user=None)
    assert set(device.keys.filter(revoked_at=None)) == {fourth}
    assert actions().count("key.revoked") == 4
    assert third.replaces_id == second.pk


def test_the_old_key_that_ends_by_the_new_ones_use_takes_nothing_with_it(camera):
    rotate(camera)
    text = fetched(camera)
    assert authenticate_device(text=text, ip=None).state == "active"
    revoke_key(key=camera[0].keys.get(replaces=None), acting_user=None)
    assert authenticate_device(text=text, ip=None).state == "active"


@pytest.mark.django_db(transaction=True)
def test_revoking_the_old_key_and_the_first_use_of_the_new_one_do_not_wait_for_each_other():
    camera = make_device()
    rotate(camera)
    text = fetched(camera)
    old = camera[0].keys.get(replaces=None)

    def both(number: int):
        if number:
            return authenticate_device(text=text, ip=None)
        return revoke_key(key=old, acting_user=None)

    answers = at_once(both)
    assert all(answer is None or isinstance(answer, (DeviceKey, KeyRevoked)) for answer in answers)
    old.refresh_from_db()
    assert old.state == "revoked"


def test_what_is_revoked_is_announced(camera, monkeypatch):
    told = []
    monkeypatch.setattr("devices.services.keys.announce", told.append)
    rotate(camera)
    text = fetched(camera)
    assert told == []
    authenticate_device(text=text, ip=None)
    assert told == [camera[0].pk]  # the old key ended
    revoke_key(key=camera[0].keys.get(revoked_at=None), acting_user=None)
    assert told == [camera[0].pk] * 2


# --- reminders


def ending_in(camera, **left: float) -> DeviceKey:
    key = camera[0].keys.order_by("pk").first()
    DeviceKey.unscoped.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(**left))
    return key


@pytest.fixture
def remind(django_capture_on_commit_callbacks):
    """Run the job, and return the subjects and texts of the mails it sent."""

    def run(**ahead: float) -> list[tuple[str, str]]:
        mail.outbox.clear()
        with scope.nothing(), django_capture_on_commit_callbacks(execute=True):
            remind_of_expiring_keys(now=timezone.now() + timedelta(**ahead))
        return [(sent.subject, sent.body) for sent in mail.outbox]

    return run


def test_owners_are_told_two_weeks_and_three_days_before_and_at_the_end_once_each(camera, remind):
    device, _ = camera
    key = ending_in(camera, days=20)
    assert remind() == []
    told = []
    for days in (7, 7, 12, 17.5, 18, 20.1, 21, 26.9, 28):
        told += [subject for subject, _ in remind(days=days)]
    of = f"{device.org}: the key of {device}"
    assert told == [f"{of} ends within 14 days", f"{of} ends within 3 days", f"{of} has ended"]
    DeviceKey.unscoped.update(reminded_of=None)
    [(_, text)] = remind(days=7)
    assert str(key) in text
    assert f"/cameras/{device.pk}/settings" in text
    assert "(Europe/Vienna)" in text
    assert mail.outbox[0].to == [owner_of(device.org).email]


def test_of_levels_that_were_passed_only_the_last_is_told(camera, remind):
    ending_in(camera, days=2)
    assert len(remind()) == 1
    assert remind() == []
    assert [subject.rpartition(" has ")[2] for subject, _ in remind(days=3)] == ["ended"]


def test_of_the_old_key_of_a_rotation_the_mail_says_how_far_the_new_one_is(camera, remind):
    new = rotate(camera, days=14)
    [(_, text)] = remind(hours=1)
    assert f"Its new key {new} was made, but the camera has not fetched it yet." in text
    fetched(camera)
    [(_, text)] = remind(days=12)
    assert f"Its new key {new} was fetched by the camera, but not used yet." in text
    [(_, text)] = remind(days=15)
    assert "It cannot fetch it any more: give it another key by hand." in text


def test_rotating_begins_the_reminders_anew(camera, remind):
    ending_in(camera, days=10)
    assert len(remind()) == 1
    rotate(camera, days=5)
    [(subject, text)] = remind(days=4)
    assert subject.endswith("ends within 3 days")
    assert "has not fetched it yet" in text


@pytest.mark.parametrize("why", ["revoked", "retired", "suspended", "long ago", "far ahead", "endless"])
def test_nobody_is_told_of_a_key_that_does_not_matter(camera, remind, why):
    device, _ = camera
    key = ending_in(camera, days={"long ago": -8, "far ahead": 15}.get(why, 1))
    if why == "revoked":
        revoke_key(key=key, acting_user=None)
    elif why == "retired":
        type(device).unscoped.update(retired_at=timezone.now())
    elif why == "suspended":
        type(device.org).objects.update(suspended_at=timezone.now())
    elif why == "endless":
        DeviceKey.unscoped.update(expires_at=None)
    assert remind() == []


def test_when_a_mail_cannot_be_sent_it_is_tried_again(camera, remind, monkeypatch):
    ending_in(camera, days=10)

    def refuse(*args, **kwargs):
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr("orgs.mails.send_mail", refuse)
        assert remind() == []
    assert camera[0].keys.get().reminded_of is None
    assert len(remind()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_schedulers_one_tells():
    camera = make_device()
    ending_in(camera, days=10)
    counts = at_once(lambda number: remind_of_expiring_keys())
    assert sorted(counts) == [0, 1]
    assert len(mail.outbox) == 1
