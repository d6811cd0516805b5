"""Admins take back many links at once, and only what they mean."""

import pytest
from django.utils import timezone

from orgs.models import Role
from orgs.services.memberships import remove_member
from sharing.models import ShareLink
from sharing.tests.forms import text_of
from tests.builders import (
    logged_in,
    make_capture,
    make_device,
    make_link,
    make_member,
    make_org,
    make_token,
    membership_of,
    owner_of,
)

pytestmark = pytest.mark.django_db
URL = "/sharing/take-back"
NO_ID = "01900000-0000-7000-8000-000000000000"


def test_admins_take_back_all_of_a_camera_of_a_person_or_all(capture, member):
    admin = make_member(capture.org, Role.ADMIN)
    other = make_capture(make_device(capture.org, "Yard")[0], verdict="normal")
    links = {
        "mine": make_link(capture, created_by=member),
        "yard": make_link(other, created_by=admin),
        "old": make_link(other),
    }
    foreign = make_link(make_capture(verdict="normal"))

    def left() -> set[str]:
        rows = set(ShareLink.unscoped.filter(revoked_at=None).values_list("pk", flat=True))
        assert foreign.pk in rows
        return {name for name, link in links.items() if link.pk in rows}

    client, url = logged_in(admin), "/sharing/take-back"
    assert logged_in(member).get(url).status_code == 403
    assert logged_in(member).post(url, {}).status_code == 403
    remove_member(
        membership=membership_of(capture.org, member), acting_membership=membership_of(capture.org, admin)
    )
    asked = client.get(url, {"maker": member.pk, "show": "1"})
    assert "Take back 1 link?" in asked.text
    assert left() == {"mine", "yard", "old"}
    client.post(url, {"maker": member.pk, "camera": ""})
    assert left() == {"yard", "old"}
    make_link(capture, created_by=admin)
    assert client.get(url, {"camera": foreign.device_id, "show": "1"}).status_code == 400
    assert client.post(url, {"camera": foreign.device_id}).status_code == 400
    client.post(url, {"camera": other.device_id, "maker": admin.pk})
    assert left() == {"old"}
    answer = client.post(url, {"camera": "", "maker": "", "all": "on"}, follow=True)
    assert "2 links taken back." in answer.text
    assert left() == set()


def test_how_many_it_would_be_and_how_many_are_open_is_said_first(capture, member):
    client = logged_in(owner_of(capture.org))
    make_link(capture, created_by=member)
    for _ in range(2):
        make_link(capture, created_by=member, expires_at=timezone.now())
    page = text_of(client.get(URL, {"camera": capture.device_id, "show": "1"}))
    assert "Take back 3 links?" in page
    assert "Open now: 1 of 3." in page
    ShareLink.unscoped.update(revoked_at=timezone.now())
    assert "There is no such link" in text_of(client.get(URL, {"show": "1"}))


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "name a camera, a person, or say that all is meant"),
        ({"camera": "", "maker": ""}, "name a camera, a person, or say that all is meant"),
        ({"all": ""}, "name a camera, a person, or say that all is meant"),
        ({"all": "on", "camera": "mine"}, "name a camera, a person, or say that all is meant"),
        ({"camera": "nonsense"}, "There is no such camera."),
        ({"camera": "\0"}, "There is no such camera."),
        ({"camera": NO_ID}, "There is no such camera."),
        ({"camera": "foreign"}, "There is no such camera."),
        ({"maker": "nonsense"}, "This person has no links here"),
        ({"maker": NO_ID}, "This person has no links here"),
        ({"maker": "foreign", "camera": "mine"}, "This person has no links here"),
    ],
)
def test_what_is_not_said_clearly_takes_nothing_back(capture, member, sent, sentence):
    stranger = make_org()
    foreign = make_link(make_capture(make_device(stranger)[0]), created_by=owner_of(stranger))
    make_link(capture, created_by=member)
    ids = {
        ("camera", "mine"): capture.device_id,
        ("camera", "foreign"): foreign.device_id,
        ("maker", "foreign"): foreign.created_by_id,
    }
    answer = logged_in(owner_of(capture.org)).post(URL, {name: ids.get((name, v), v) for name, v in sent.items()})
    assert (answer.status_code, sentence in text_of(answer)) == (400, True)
    assert not ShareLink.unscoped.exclude(revoked_at=None).exists()


def test_programs_that_do_not_say_it_clearly_take_nothing_back(capture, member, client):
    stranger = make_org()
    foreign = make_link(make_capture(make_device(stranger)[0]), created_by=owner_of(stranger))
    make_link(capture, created_by=member)
    _, token = make_token(membership_of(capture.org, owner_of(capture.org)))
    unclear, no_camera = "Name a camera, a person, or all: true", "There is no such camera."
    for body, status, sentence in (
        ("", 400, unclear),
        ("{}", 400, unclear),
        ('{"all": "true"}', 400, unclear),
        ("[]", 400, "Expected a dictionary"),
        ('{"device_id": "nonsense"}', 404, no_camera),
        (f'{{"device_id": "{foreign.device_id}"}}', 404, no_camera),
        ('{"device_id": null}', 400, "device_id: This field may not be null."),
        ('{"device_id": ["x"]}', 400, "device_id: Not a valid string."),
        ('{"created_by": 7}', 400, "created_by: Enter a valid email address."),
        (f'{{"created_by": "{foreign.created_by.email}"}}', 400, "Nobody of that address has made a link here."),
    ):
        answer = client.post(
            "/v1/share-links/revoke",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert (answer.status_code, sentence in answer.json()["detail"]) == (status, True), body
    assert not ShareLink.unscoped.exclude(revoked_at=None).exists()
