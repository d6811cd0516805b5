"""Which pictures go, and that what is previewed is what happens."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captures.models import Capture
from captures.retention import selection
from captures.retention.preview import Preview, preview
from captures.retention.pruning import prune
from captures.retention.rules import Rule
from captures.retention.tests.builders import make_policy, make_rows
from devices.models import Device
from tests.builders import make_device, make_label, make_link, make_org

pytestmark = pytest.mark.django_db
ZURICH = ZoneInfo("Europe/Zurich")
AT = datetime(2026, 6, 15, 1, 30, tzinfo=UTC)  # half past three in Zurich


def local(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZURICH).astimezone(UTC)


@pytest.fixture
def device() -> Device:
    return make_device(make_org(time_zone="Europe/Zurich"))[0]


def kept(device: Device) -> list[datetime]:
    return [
        moment.astimezone(ZURICH)
        for moment in device.captures.order_by("captured_at").values_list("captured_at", flat=True)
    ]


def test_days_are_those_of_the_camera_and_today_is_not_counted(device):
    first, last = local(2026, 6, 12, 23, 59), local(2026, 6, 13, 0, 0)
    make_rows(device, [first, last, AT])
    make_policy(device.org, days=2)
    assert prune(device.org, at=AT) == Preview(AT, 1, 1000)
    assert kept(device) == [last, AT]


def test_the_days_of_a_camera_elsewhere_are_its_own(device):
    Device.unscoped.filter(pk=device.pk).update(
        time_zone="Pacific/Auckland"
    )  # there it is the 15th, one in the afternoon
    moment = datetime(2026, 6, 13, 13, 0, tzinfo=UTC)  # there the 14th, one in the night
    make_rows(device, [moment - timedelta(hours=2), moment])
    make_policy(device.org, days=1)
    prune(device.org, at=AT)
    assert kept(device) == [moment]


def test_pictures_are_thinned_to_the_first_of_an_hour_and_then_to_the_one_at_noon(device):
    daily = [local(2026, 6, 10, hour) for hour in (8, 11, 13, 20)]
    hourly = [local(2026, 6, 11, 9, minute) for minute in (5, 10, 59)] + [local(2026, 6, 11, 10)]
    whole = [local(2026, 6, 13, 9, minute) for minute in (0, 1, 2)]
    make_rows(device, daily + hourly + whole)
    make_policy(device.org, all_days=3, hourly_days=1)
    prune(device.org, at=AT)
    # Eleven and thirteen are as near to noon: the earlier one stays.
    assert kept(device) == [daily[1], hourly[0], hourly[3], *whole]
    assert prune(device.org, at=AT).pictures == 0


def test_thinning_without_hours_goes_to_noon_at_once(device):
    moments = [local(2026, 6, 10, 8), local(2026, 6, 10, 12, 30)]
    make_rows(device, moments)
    make_policy(device.org, all_days=1, hourly_days=0)
    prune(device.org, at=AT)
    assert kept(device) == moments[1:]


def test_the_hour_that_comes_twice_in_autumn_is_two_hours(device):
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    make_rows(device, [first, second])
    make_policy(device.org, all_days=1, hourly_days=30)
    assert prune(device.org, at=datetime(2026, 11, 5, tzinfo=UTC)).pictures == 0


def test_the_oldest_go_until_the_rest_fits_whichever_camera_took_them(device):
    other, _ = make_device(device.org)
    moments = [local(2026, 6, day, 12) for day in range(1, 7)]
    make_rows(device, moments[::2])
    make_rows(other, moments[1::2])
    make_policy(device.org, bytes=3500)
    assert prune(device.org, at=AT) == Preview(AT, 3, 3000)
    assert list(device.org.captures.order_by("captured_at").values_list("captured_at", flat=True)) == moments[3:]


def test_what_is_kept_counts_towards_the_bytes(device):
    rows = make_rows(device, [local(2026, 6, day, 12) for day in range(1, 5)])
    Capture.unscoped.filter(pk=rows[0].pk).update(hold=True)
    make_policy(device.org, bytes=2000)
    assert prune(device.org, at=AT) == Preview(AT, 2, 2000, {"held": 1})
    assert kept(device) == [rows[0].captured_at, rows[3].captured_at]


def test_a_cameras_own_policy_replaces_its_organizations(device):
    other, _ = make_device(device.org)
    old = local(2026, 1, 1, 12)
    make_rows(device, [old])
    make_rows(other, [old])
    make_policy(device.org, days=10)
    make_policy(device.org, device=other, days=1000)
    prune(device.org, at=AT)
    assert list(device.org.captures.values_list("device", flat=True)) == [other.pk]


def test_no_policy_keeps_longer_than_the_plan(device):
    org = device.org
    org.retention_days = 30
    org.save()
    make_rows(device, [local(2026, 1, 1, 12), local(2026, 6, 10, 12)])
    make_policy(org, device=device, days=1000)
    assert prune(org, at=AT).pictures == 1


@pytest.mark.parametrize("of_camera", [True, False])
def test_a_hold_of_a_policy_keeps_all(device, of_camera):
    make_rows(device, [local(2026, 1, 1, 12)])
    make_policy(device.org, device=device if of_camera else None, days=1, hold=True)
    assert prune(device.org, at=AT) == Preview(AT)


def test_a_picture_of_a_clock_that_was_not_set_is_as_old_as_it_is_here(device):
    unset = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    make_rows(device, [unset], received_at=AT - timedelta(days=3))
    [old] = make_rows(device, [unset + timedelta(minutes=1)], received_at=AT - timedelta(days=30))
    make_policy(device.org, days=10, all_days=1, hourly_days=0)
    prune(device.org, at=AT)
    assert kept(device) == [unset]
    assert not Capture.unscoped.filter(pk=old.pk).exists()


def test_what_keeps_pictures_is_told_in_words(device):
    old = [local(2026, 1, day, 12) for day in range(1, 9)]
    rows = make_rows(device, old)
    Capture.unscoped.filter(pk=rows[0].pk).update(hold=True)
    make_label(rows[1])
    make_link(rows[2])
    make_link(rows[3], "range")
    make_link(rows[4], revoked_at=AT)
    make_link(rows[5], expires_at=AT - timedelta(days=1))
    make_policy(device.org, days=10)
    found = preview(device.org, at=AT)
    assert found == Preview(AT, 4, 4000, {"held": 1, "labelled": 1, "shared": 2})
    assert found.sentence == "Deletes 4 pictures, 4 kB; 1 held, 1 labelled, 2 shared: kept."
    assert prune(device.org, at=AT) == found
    assert set(device.captures.values_list("pk", flat=True)) == {row.pk for row in rows[:4]}


# --- the preview is what happens


@pytest.fixture
def small_batches(monkeypatch):
    """So that an archive of some pictures takes several."""
    monkeypatch.setattr(selection, "BATCH", 3)
    monkeypatch.setattr(selection, "ROWS_READ", 4)


few = st.none() | st.integers(1, 6)
rules = st.builds(
    lambda days, size, thinning, hold: Rule(days, size, *(thinning or (None, None)), hold),
    few,
    st.none() | st.integers(1, 12_000),
    st.none() | st.tuples(st.integers(1, 4), st.integers(0, 3)),
    st.just(False),
)
pictures = st.lists(
    st.tuples(
        st.integers(0, 10 * 24 * 6),
        st.integers(0, 1),
        st.integers(1, 3000),
        st.sampled_from(["", "", "", "hold", "label", "link"]),
    ),
    max_size=40,
    unique_by=lambda picture: picture[:2],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(common=rules, own=st.none() | rules, cap=st.none() | st.integers(3, 9), archive=pictures)
def test_what_is_previewed_is_what_happens(small_batches, common, own, cap, archive):
    with transaction.atomic():
        org = make_org(time_zone="America/New_York", retention_days=cap)
        cameras = [make_device(org)[0], make_device(org)[0]]
        for ten_minutes, camera, size, kept_by in archive:
            moment = AT - timedelta(minutes=10 * ten_minutes)
            [row] = make_rows(cameras[camera], [moment], byte_size=size, hold=kept_by == "hold")
            if kept_by == "label":
                make_label(row)
            elif kept_by == "link":
                make_link(row)
        wanted = {None: common} | ({cameras[1].pk: own} if own else {})
        foreseen = preview(org, at=AT, rules=wanted)
        make_policy(org, rule=common)
        if own:
            make_policy(org, device=cameras[1], rule=own)
        before = {row.pk: row.byte_size for row in org.captures.all()}
        assert preview(org, at=AT) == foreseen
        assert prune(org, at=AT) == foreseen
        gone = [size for pk, size in before.items() if pk not in set(org.captures.values_list("pk", flat=True))]
        assert (len(gone), sum(gone)) == (foreseen.pictures, foreseen.bytes)
        assert org.captures.filter(hold=True).count() == sum(kept_by == "hold" for *_, kept_by in archive)
        assert prune(org, at=AT).pictures == 0
        transaction.set_rollback(True)


def test_what_came_without_its_picture_stands_for_none_in_thinning_and_frees_no_bytes(device):
    bare, *pictured = make_rows(device, [local(2026, 6, 10, hour) for hour in (12, 13, 14)])
    nothing = {"storage_key": "", "sha256": "", "byte_size": 0, "evaluation_status": "skipped"}
    Capture.unscoped.filter(pk=bare.pk).update(evaluation_due_at=None, **nothing)
    make_policy(device.org, all_days=1, hourly_days=0, bytes=1500)
    assert prune(device.org, at=AT) == Preview(AT, 1, 1000)
    assert set(device.captures.values_list("pk", flat=True)) == {bare.pk, pictured[0].pk}
