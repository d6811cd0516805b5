"""``GET /v1/captures…`` and ``/v1/devices…`` as people's programs ask, with their tokens."""

import base64

import pytest
from django.utils import timezone

from devices.models import DeviceStatus
from orgs.models import ApiToken, Role
from orgs.services.logins import log_in
from orgs.services.tokens import create_token
from tests.builders import PASSWORD, make_capture, make_device, make_jpeg, make_member, make_org
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
NOWHERE = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def person(org):
    return make_member(org, Role.VIEWER)


@pytest.fixture(params=["a personal token", "a read-only token", "an access token"])
def headers(request, person) -> dict[str, str]:
    """Each of the ways a person may show who they are."""
    if request.param == "an access token":
        return {"Authorization": f"Bearer {log_in(email=person.email, password=PASSWORD).access}"}
    access = ApiToken.Access.READ if "read-only" in request.param else ApiToken.Access.WRITE
    _, text = create_token(membership=person.memberships.get(), name="t", access=access)
    return {"Authorization": f"Bearer {text}"}


def test_a_person_lists_the_pictures_of_all_cameras_and_of_one(client, org, headers):
    first, second = make_capture(make_device(org)[0]), make_capture(make_device(org)[0], minutes=1)
    make_capture(minutes=2)
    answer = client.get("/v1/captures", headers=headers)
    assert [row["id"] for row in answer.json()["captures"]] == [str(second.pk), str(first.pk)]
    answer = client.get(f"/v1/captures?device_id={first.device_id}", headers=headers)
    assert [row["id"] for row in answer.json()["captures"]] == [str(first.pk)]
    answer = client.get("/v1/captures?limit=1", headers=headers)
    following = client.get(answer.json()["next"], headers=headers)
    assert [row["id"] for row in following.json()["captures"]] == [str(first.pk)]


def test_a_person_sees_a_picture_as_its_camera_does(client, org, headers):
    device, key = make_device(org)
    capture = make_capture(device, seed=5, verdict="abnormal")
    own = {"X-API-Key": key}
    for tail in ("", "/status"):
        url = f"/v1/captures/{capture.pk}{tail}"
        assert client.get(url, headers=headers).json() == client.get(url, headers=own).json()
    image = client.get(f"/v1/captures/{capture.pk}/image", headers=headers)
    assert b"".join(image.streaming_content) == make_jpeg(5)


def test_a_person_names_a_picture_by_its_id_only(client, org, headers):
    """Record ids are a camera's own words: two cameras may use the same."""
    make_capture(make_device(org)[0], record_id="r1")
    make_capture(make_device(org)[0], record_id=NOWHERE)
    for name in ("r1", NOWHERE, "%00", "x" * 300):
        for tail in ("", "/status", "/image", "/thumbnail"):
            answer = client.get(f"/v1/captures/{name}{tail}", headers=headers)
            assert refused(answer) == (404, "capture_not_found", False, True)


def test_another_organizations_picture_and_camera_are_not_there(client, headers):
    stranger = make_capture()
    for tail in ("", "/status", "/image", "/thumbnail"):
        answer = client.get(f"/v1/captures/{stranger.pk}{tail}", headers=headers)
        assert refused(answer) == (404, "capture_not_found", False, True)
    for url in (f"/v1/devices/{stranger.device_id}", f"/v1/captures?device_id={stranger.device_id}"):
        assert refused(client.get(url, headers=headers)) == (404, "device_not_found", False, True)


@pytest.mark.parametrize("named", [NOWHERE, "gate", "%00"])
def test_a_camera_that_is_not_there_is_not_found(client, headers, named):
    assert client.get(f"/v1/devices/{named}", headers=headers).status_code == 404


def test_a_person_cannot_hand_in_a_picture(client, org, headers):
    make_device(org)
    answer = client.post("/v1/captures", make_jpeg(), content_type="image/jpeg", headers=headers)
    assert refused(answer) == (403, "only_devices", False, True)
    assert not org.captures.exists()


def test_a_person_sees_the_cameras_and_when_they_were_heard_of(client, org, headers):
    (heard, _), (silent, _) = make_device(org, "Heard"), make_device(org, "Silent")
    make_device()
    now = timezone.now()
    DeviceStatus.unscoped.filter(device=heard).update(last_seen_at=now)
    described = [
        {
            "id": str(device.pk),
            "name": device.name,
            "created_at": device.created_at.isoformat().replace("+00:00", "Z"),
            "last_seen_at": last_seen and last_seen.isoformat().replace("+00:00", "Z"),
            "state": "active",
            "time_zone": "",
            "time_zone_note": "",
            "hardware": None,
        }
        for device, last_seen in ((silent, None), (heard, now))
    ]
    answer = client.get("/v1/devices", headers=headers).json()
    conditions = [device.pop("condition") for device in answer["devices"]]
    assert answer == {"devices": described, "next": None}
    assert [condition["reachable"]["state"] for condition in conditions] == ["unknown", "good"]
    one = client.get(f"/v1/devices/{heard.pk}", headers=headers).json()
    assert one == {**described[1], "condition": conditions[1]}


def test_lists_take_as_many_statements_for_many_rows_as_for_few(client, org, headers):
    for url, most in (("/v1/captures", 4), ("/v1/devices", 5)):
        client.get(url, headers=headers)  # the first use of a minute is written
        counts = []
        for number in (1, 6):
            for minutes in range(number):
                make_capture(make_device(org)[0], minutes=minutes)
            counts.append(len(statements_of(lambda url=url: client.get(url, headers=headers))))
        assert counts[0] == counts[1] <= most


def test_without_anything_shown_both_ways_are_named(client):
    for method, url in (("get", "/v1/captures"), ("post", "/v1/captures"), ("get", f"/v1/captures/{NOWHERE}")):
        answer = getattr(client, method)(url)
        assert refused(answer) == (401, "key_missing", False, True)
        assert "camera's key" in answer.json()["detail"]
        assert "API token" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        ("Bearer vis_dev_nonsense", "key_unknown"),
        ("Bearer nonsense", "key_unknown"),
        ("Bearer vis_usr_nonsense", "token_unknown"),
        ("Bearer a.b.c", "access_token_invalid"),
        ("Basic " + base64.b64encode(b"someone:vis_usr_nonsense").decode(), "key_unknown"),
    ],
)
def test_what_was_shown_decides_who_is_asked_after(client, shown, code):
    answer = client.get("/v1/captures", headers={"Authorization": shown})
    assert refused(answer) == (401, code, False, True)


def test_a_cameras_key_opens_nothing_that_is_for_people(client, org):
    _, key = make_device(org)
    for shown, code in (
        ({"X-API-Key": key}, "token_missing"),
        ({"Authorization": f"Bearer {key}"}, "access_token_invalid"),
    ):
        assert refused(client.get("/v1/devices", headers=shown)) == (401, code, False, True)
