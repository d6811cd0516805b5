"""How far a membership reaches: cameras, history, time. What is beyond is not there, by any door."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from captures.models import Capture, Label
from orgs.models import ApiToken, Membership, Role, User
from orgs.services.logins import log_in
from orgs.services.tokens import create_token
from tests.builders import (
    MOMENT,
    PASSWORD,
    logged_in,
    make_capture,
    make_definition,
    make_device,
    make_member,
    make_org,
)
from tests.problems import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def seen(org):
    """A camera within the limits, with an old and a new picture."""
    return pictured(org, "Within")


@pytest.fixture
def hidden(org):
    """A camera beyond them, with pictures of the same moments."""
    return pictured(org, "Beyond")


def pictured(org, name: str) -> list[Capture]:
    device, _ = make_device(org, name)
    make_definition(device, text=f"Normal {name}.")
    captures = [make_capture(device, minutes=minutes, verdict="abnormal", reason=name) for minutes in (0, 60, 61)]
    for capture in captures:
        key = default_storage.save(f"{capture.pk}.jpeg", ContentFile(b"small"))
        Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
        capture.refresh_from_db()
    return captures


def limited(org, **limits) -> User:
    user = make_member(org, Role.MEMBER)
    Membership.unscoped.filter(user=user).update(**limits)
    return user


def api_of(user: User) -> dict[str, str]:
    _, text = create_token(membership=user.memberships.get(), name="t", access=ApiToken.Access.WRITE)
    return {"Authorization": f"Bearer {text}"}


def ids(*captures: Capture) -> list[str]:
    return [str(capture.pk) for capture in captures]


def shown(answer) -> list[str]:
    assert answer.status_code == 200
    return re.findall(r'<li class="card[^>]*data-key="([^"]+)"', answer.content.decode())


def listed(answer) -> list[str]:
    assert answer.status_code == 200
    return [row["id"] for row in answer.json()["captures"]]


# --- cameras


PAGES = ["", "/live", "/image", "/thumbnail"]
API = ["", "/status", "/image", "/thumbnail"]


def test_pages_of_a_camera_beyond_the_limits_are_not_there(org, seen, hidden):
    client = logged_in(limited(org, camera_ids=[str(seen[0].device_id)]))
    for tail in PAGES:
        assert client.get(f"/captures/{seen[0].pk}{tail}").status_code == 200
        assert client.get(f"/captures/{hidden[0].pk}{tail}").status_code == 404
    assert client.get(f"/cameras/{seen[0].device_id}").status_code == 200
    assert client.get(f"/cameras/{hidden[0].device_id}").status_code == 404


def test_lists_leave_out_a_camera_beyond_the_limits(org, seen, hidden):
    client = logged_in(limited(org, camera_ids=[str(seen[0].device_id)]))
    for page in ("/", "/live", "/cameras", "/?verdict=abnormal", "/?day=2026-03-01"):
        text = client.get(page).content.decode()
        assert seen[0].device.name in text
        for trace in (hidden[0].device.name, str(hidden[0].device_id), *ids(*hidden)):
            assert trace not in text, page
    # Asked for outright, it is a choice that is not there.
    assert client.get(f"/?camera={hidden[0].device_id}").status_code == 400
    assert shown(client.get(f"/?camera={seen[0].device_id}")) == ids(*reversed(seen))


def test_who_is_limited_to_no_camera_that_is_left_sees_none(org, seen):
    client = logged_in(limited(org, camera_ids=[]))
    assert shown(client.get("/")) == []
    assert seen[0].device.name not in client.get("/cameras").content.decode()
    assert client.get(f"/captures/{seen[0].pk}").status_code == 404


def test_a_picture_beyond_the_limits_cannot_be_labelled(org, seen, hidden):
    client = logged_in(limited(org, camera_ids=[str(seen[0].device_id)]))
    assert client.post(f"/captures/{hidden[0].pk}/label", {"verdict": "normal"}).status_code == 404
    assert not Label.unscoped.exists()
    assert client.post(f"/captures/{seen[0].pk}/label", {"verdict": "normal"}).status_code == 302


def test_by_the_api_a_camera_beyond_the_limits_is_not_there(client, org, seen, hidden):
    headers = api_of(limited(org, camera_ids=[str(seen[0].device_id)]))
    assert listed(client.get("/v1/captures", headers=headers)) == ids(*reversed(seen))
    assert listed(client.get(f"/v1/captures?device_id={seen[0].device_id}", headers=headers)) == ids(
        *reversed(seen)
    )
    beyond = client.get(f"/v1/captures?device_id={hidden[0].device_id}", headers=headers)
    assert refused(beyond) == (404, "device_not_found", False, True)
    for tail in API:
        assert client.get(f"/v1/captures/{seen[0].pk}{tail}", headers=headers).status_code == 200
        answer = client.get(f"/v1/captures/{hidden[0].pk}{tail}", headers=headers)
        assert refused(answer) == (404, "capture_not_found", False, True)
    devices = client.get("/v1/devices", headers=headers).json()["devices"]
    assert [row["id"] for row in devices] == [str(seen[0].device_id)]
    answer = client.get(f"/v1/devices/{hidden[0].device_id}", headers=headers)
    assert refused(answer) == (404, "device_not_found", False, True)


# --- history


SINCE = MOMENT + timedelta(minutes=60)


def test_pictures_from_before_are_not_there(client, org, seen):
    old, first, last = seen
    user = limited(org, history_from=SINCE)
    pages, headers = logged_in(user), api_of(user)
    for tail in PAGES:
        assert pages.get(f"/captures/{first.pk}{tail}").status_code == 200
        assert pages.get(f"/captures/{old.pk}{tail}").status_code == 404
    for tail in API:
        assert client.get(f"/v1/captures/{first.pk}{tail}", headers=headers).status_code == 200
        assert client.get(f"/v1/captures/{old.pk}{tail}", headers=headers).status_code == 404
    assert pages.post(f"/captures/{old.pk}/label", {"verdict": "normal"}).status_code == 404
    for page in ("/", "/live", f"/?camera={old.device_id}", "/?day=2026-03-01", f"/cameras/{old.device_id}"):
        assert shown(pages.get(page)) == ids(last, first), page
    asked = f"/v1/captures?to=2027-01-01T00:00:00Z&from=2020-01-01T00:00:00Z&device_id={old.device_id}"
    assert listed(client.get(asked, headers=headers)) == ids(last, first)


def test_the_way_back_ends_where_the_history_begins(org, seen):
    _, first, last = seen
    pages = logged_in(limited(org, history_from=SINCE))
    assert f'data-older href="/captures/{first.pk}"' in pages.get(f"/captures/{last.pk}").content.decode()
    text = pages.get(f"/captures/{first.pk}").content.decode()
    assert "data-older" not in text
    assert f'data-newer href="/captures/{last.pk}"' in text


def test_a_cursor_does_not_lead_behind_the_history(client, org, seen):
    old, *_ = seen
    everything = api_of(limited(org))
    headers = api_of(limited(org, history_from=SINCE))
    link = client.get("/v1/captures?limit=2", headers=everything).json()["next"]
    query = urlsplit(link).query
    assert listed(client.get(f"/v1/captures?{query}", headers=everything)) == ids(old)
    assert listed(client.get(f"/v1/captures?{query}", headers=headers)) == []


def test_a_camera_whose_pictures_are_all_older_is_there_without_them(org, seen):
    pages = logged_in(limited(org, history_from=timezone.now()))
    text = pages.get("/cameras").content.decode()
    assert seen[0].device.name in text
    assert "No picture yet" in text
    assert all(pk not in text for pk in ids(*seen))


# --- time


def test_a_membership_that_ended_opens_nothing(client, org, seen):
    user = limited(org)
    token, login = api_of(user), log_in(email=user.email, password=PASSWORD)
    jwt = {"Authorization": f"Bearer {login.access}"}
    pages = logged_in(user)

    def asked() -> list[int]:
        answers = [client.get("/v1/captures", headers=headers) for headers in (token, jwt)]
        return [answer.status_code for answer in [*answers, pages.get("/"), pages.get(f"/captures/{seen[0].pk}")]]

    assert asked() == [200, 200, 200, 200]
    Membership.unscoped.filter(user=user).update(valid_until=timezone.now() + timedelta(minutes=1))
    assert asked() == [200, 200, 200, 200]
    Membership.unscoped.filter(user=user).update(valid_until=timezone.now())
    assert asked() == [401, 401, 403, 403]
    assert seen[0].device.name not in pages.get("/").content.decode()


def test_who_is_a_member_elsewhere_too_is_asked_there_by_the_limits_of_there(org, seen, hidden):
    """A limit of one membership does not loosen or tighten another's."""
    user = limited(org, camera_ids=[str(seen[0].device_id)])
    elsewhere = pictured(make_org(), "Elsewhere")
    Membership.unscoped.create(org=elsewhere[0].org, user=user, role=Role.VIEWER)
    pages = logged_in(user)
    assert shown(pages.get("/")) == ids(*reversed(seen))
    assert pages.get(f"/captures/{elsewhere[0].pk}").status_code == 404
    pages.post("/organizations/switch", {"organization": str(elsewhere[0].org_id)})
    assert shown(pages.get("/")) == ids(*reversed(elsewhere))
    assert pages.get(f"/captures/{seen[0].pk}").status_code == 404
    assert Client().get("/").status_code == 302
