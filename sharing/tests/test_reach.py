"""What is shown of a link to its maker and to admins goes as far as they, and the maker, reach now."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orgs.models import Role
from orgs.services.memberships import remove_member
from sharing.models import LinkKind, ShareLink
from sharing.tests.forms import TERMS, limit, text_of
from tests.builders import (
    MOMENT,
    logged_in,
    make_capture,
    make_device,
    make_link,
    make_member,
    make_token,
    membership_of,
    owner_of,
)

pytestmark = pytest.mark.django_db
PAGES = ("", "/change", "/change/preview", "/take-back", "/sign", "/qrcode.png", "/qrcode.svg")
GONE = "who shared it may not share it any more"


def program(user, org):
    return {"Authorization": f"Bearer {make_token(membership_of(org, user))[1]}"}


@pytest.fixture
def other(device):
    return make_device(device.org, "Other")[0]


def test_a_maker_who_lost_the_camera_has_none_of_its_links_and_an_admin_all(capture, member, other, client):
    link = make_link(capture, LinkKind.DEVICE, created_by=member, note="Of the gate")
    kept = make_link(make_capture(other), created_by=member, note="Of the other")
    admin = make_member(capture.org, Role.ADMIN)
    limit(member, camera_ids=[str(other.pk)])
    pages, listed = logged_in(member), text_of(logged_in(member).get("/sharing"))
    for name in PAGES:
        answer = pages.get(f"/sharing/{link.pk}{name}")
        assert answer.status_code == 404, name
        assert capture.device.name not in answer.text
        assert pages.get(f"/sharing/{kept.pk}{name}").status_code == 200
        assert logged_in(admin).get(f"/sharing/{link.pk}{name}").status_code == 200
    assert "Of the other" in listed
    assert "Of the gate" not in listed
    assert capture.device.name not in listed
    assert "Of the gate" not in text_of(pages.get("/sharing", {"search": capture.device.name}))
    assert pages.post(f"/sharing/{link.pk}/take-back").status_code == 404
    assert pages.post(f"/sharing/{link.pk}/change", TERMS).status_code == 404
    assert not ShareLink.unscoped.exclude(revoked_at=None).exists()


def test_programs_of_a_maker_who_lost_the_camera_find_none_of_its_links(capture, member, other, client):
    link = make_link(capture, LinkKind.DEVICE, created_by=member)
    kept = make_link(make_capture(other), created_by=member)
    headers = program(member, capture.org)
    limit(member, camera_ids=[str(other.pk)])
    address = f"/v1/share-links/{link.token}"
    answers = [client.get(address, headers=headers), client.get(f"{address}/qrcode", headers=headers)]
    answers.append(client.patch(address, {}, content_type="application/json", headers=headers))
    answers.append(client.delete(address, headers=headers))
    assert [(row.status_code, row.json()["type"][-14:]) for row in answers] == [(404, "link_not_found")] * 4
    [told] = client.get("/v1/share-links", headers=headers).json()["share_links"]
    assert told["token"] == kept.token
    link.refresh_from_db()
    assert link.revoked_at is None


def test_a_preview_of_anothers_link_shows_what_its_maker_reaches(capture, member):
    late = make_capture(capture.device, minutes=120, verdict="normal", reason="All is well.")
    link = make_link(capture, LinkKind.DEVICE, created_by=member)
    limit(member, history_from=MOMENT + timedelta(hours=1))
    shown = logged_in(owner_of(capture.org)).get(f"/sharing/{link.pk}/change/preview", TERMS).text
    assert f"/captures/{late.pk}/thumbnail" in shown
    assert str(capture.pk) not in shown
    assert "A ladder is there." not in shown


@pytest.mark.parametrize("how", ["removed", "viewer", "other cameras", "over"])
def test_a_preview_of_a_link_whose_maker_may_not_share_it_shows_nothing(capture, member, other, how):
    link = make_link(capture, LinkKind.DEVICE, created_by=member)
    owner = owner_of(capture.org)
    if how == "removed":
        acting = membership_of(capture.org, owner)
        remove_member(membership=membership_of(capture.org, member), acting_membership=acting)
    else:
        now = timezone.now()
        limits = {"viewer": {"role": Role.VIEWER}, "over": {"valid_until": now}}
        limit(member, **limits.get(how, {"camera_ids": [str(other.pk)]}))
    client = logged_in(owner)
    shown = client.get(f"/sharing/{link.pk}/change/preview", TERMS)
    assert shown.status_code == 200
    assert GONE in shown.text
    assert str(capture.pk) not in shown.text
    assert "A ladder is there." not in shown.text
    assert "so it opens for nobody" in client.get(f"/sharing/{link.pk}/change").text
    assert GONE in client.get(f"/sharing/{link.pk}/sign").text
