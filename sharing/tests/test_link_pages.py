"""Members look after what they shared: the pages of links, their list, taking back, the policy."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.test import Client
from django.utils import timezone

from captures.retention.tests.builders import make_policy
from devices.services.schedules import add_schedule
from orgs.models import Role
from orgs.services.memberships import remove_member
from sharing.finding import in_state
from sharing.models import LinkKind, LinkState, SharingPolicy
from sharing.opening import states_of
from sharing.services.links import MOST_VIEWS
from sharing.tests.forms import TERMS, allow, in_days, limit, text_of
from tests.builders import (
    MOMENT,
    logged_in,
    make_capture,
    make_device,
    make_link,
    make_member,
    make_org,
    membership_of,
    owner_of,
)
from tests.queries import statements_of

pytestmark = pytest.mark.django_db


# --- one link


def test_the_page_of_a_link_says_all_of_it(capture, member):
    link = make_link(
        capture,
        LinkKind.LATEST,
        created_by=member,
        expires_at=MOMENT + timedelta(days=10_000),
        max_views=9,
        view_count=4,
        note="For <b>you</b>",
        embed_origins=["https://www.example.org"],
    )
    page = logged_in(member).get(f"/sharing/{link.pk}")
    text = text_of(page)
    for said in ("Open", "The latest picture", "17 Jul 2053", "4 of at most 9", "For <b>you</b>"):
        assert said in text
    assert "<b>you" not in page.text
    assert f'src="http://testserver/s/{link.token}/embed"' in text
    assert f"/sharing/{link.pk}/qrcode.svg" in page.text
    assert page["Cache-Control"].startswith("max-age=0, no-cache, no-store")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expires_at": MOMENT}, "Give it more days to let it open again."),
        ({"max_views": 1, "view_count": 1}, "Allow more views to let it open again."),
        ({"suspended_at": MOMENT}, "The operator of this service stopped it"),
        ({"revoked_at": MOMENT}, "It was taken back for good."),
    ],
)
def test_the_page_of_a_closed_link_says_why_and_what_can_be_done(capture, member, fields, said):
    link = make_link(capture, created_by=member, **fields)
    text = text_of(logged_in(member).get(f"/sharing/{link.pk}"))
    assert said in text
    assert "Whoever has it may look" not in text
    assert ("It opens for nobody now." in text) == ("revoked_at" not in fields)


def test_which_picture_it_is_is_said_by_the_cameras_clock(capture, member):
    type(capture.org).objects.filter(pk=capture.org_id).update(time_zone="Asia/Tokyo")
    late = make_capture(capture.device, minutes=4 * 60, verdict="normal")
    link = make_link(late, created_by=member)
    client = logged_in(member)
    assert "One picture: 2 Mar 2026, 01:00:00, the camera's clock" in text_of(client.get(f"/sharing/{link.pk}"))
    assert "One picture: 2 Mar 2026 ·" in text_of(client.get("/sharing"))


def test_codes_are_drawn_of_the_address(capture, member):
    link = make_link(capture, created_by=member)
    client = logged_in(member)
    png, svg = client.get(f"/sharing/{link.pk}/qrcode.png"), client.get(f"/sharing/{link.pk}/qrcode.svg")
    assert (png["Content-Type"], png.content[:4]) == ("image/png", b"\x89PNG")
    assert svg["Content-Type"] == "image/svg+xml"
    assert b"<svg" in svg.content


def test_a_member_has_the_pages_of_their_own_links_and_an_admin_of_all(capture, member):
    admin, other = make_member(capture.org, Role.ADMIN), make_member(capture.org, Role.MEMBER)
    link = make_link(capture, created_by=member)
    names = ("", "/change", "/change/preview", "/take-back", "/sign", "/qrcode.png", "/qrcode.svg")
    for name in names:
        address = f"/sharing/{link.pk}{name}"
        statuses = [logged_in(user).get(address).status_code for user in (member, admin, other)]
        assert statuses == [200, 200, 404], name
        assert logged_in(owner_of(make_org())).get(address).status_code == 404
    assert logged_in(other).post(f"/sharing/{link.pk}/take-back").status_code == 404
    assert logged_in(other).post(f"/sharing/{link.pk}/change", TERMS).status_code == 404
    link.refresh_from_db()
    assert link.revoked_at is None


def test_as_many_views_as_the_api_takes_are_taken_by_the_page(capture, member):
    link = make_link(capture, LinkKind.DEVICE, created_by=member, max_views=MOST_VIEWS)
    said = {**TERMS, "max_views": str(MOST_VIEWS), "note": "For the fair"}
    assert logged_in(member).post(f"/sharing/{link.pk}/change", said).status_code == 302
    link.refresh_from_db()
    assert (link.max_views, link.note) == (MOST_VIEWS, "For the fair")


def test_a_link_is_changed_and_what_is_not_said_stays(capture, member):
    ends = timezone.now() + timedelta(days=5)
    link = make_link(
        capture, LinkKind.DEVICE, created_by=member, expires_at=ends, password_hash=make_password("open sesame")
    )
    client, url = logged_in(member), f"/sharing/{link.pk}/change"
    same = {**TERMS, "expires_in_days": ""}
    assert client.post(url, {**same, "verdict_hidden": "on", "sampling": "daily"}).status_code == 302
    link.refresh_from_db()
    assert (link.expires_at, link.verdict_shown, link.sampling) == (ends, False, "daily")
    assert check_password("open sesame", link.password_hash)
    both = client.post(url, {**same, "password": "something else", "password_removed": "on"})
    assert (both.status_code, "or ask for none" in both.text) == (400, True)
    client.post(url, {**same, "password": "something else", "expires_in_days": "9"})
    link.refresh_from_db()
    assert (check_password("something else", link.password_hash), in_days(link)) == (True, 9)
    client.post(url, {**same, "password_removed": "on"})
    link.refresh_from_db()
    assert (link.password_hash, in_days(link)) == ("", 9)


def test_a_change_is_previewed_and_not_saved(capture, member):
    link = make_link(capture, LinkKind.DEVICE, created_by=member)
    client = logged_in(member)
    shown = client.get(f"/sharing/{link.pk}/change/preview", {**TERMS, "verdict_hidden": "on"})
    assert f"/captures/{capture.pk}/thumbnail" in shown.text
    assert "A ladder is there." not in shown.text
    link.refresh_from_db()
    assert link.verdict_shown


def test_a_link_is_taken_back_after_a_question_and_cannot_be_changed_then(capture, member):
    link = make_link(capture, created_by=member)
    client = logged_in(member)
    assert "Take back this link?" in client.get(f"/sharing/{link.pk}/take-back").text
    assert client.post(f"/sharing/{link.pk}/take-back").status_code == 302
    assert Client().get(f"/s/{link.token}").status_code == 410
    page = client.get(f"/sharing/{link.pk}")
    assert "Taken back" in page.text
    assert link.token not in page.text
    refused = client.post(f"/sharing/{link.pk}/change", {**TERMS, "expires_in_days": ""})
    assert (refused.status_code, "was taken back" in refused.text) == (409, True)


def test_a_sign_is_the_notice_and_the_view_in_one(capture, member):
    device = capture.device
    allow(device, contact="porter@example.org")
    make_policy(device.org, days=30)
    add_schedule(device=device, label="By day", interval_seconds=600, acting_user=member)
    off = add_schedule(device=device, label="Off", interval_seconds=120, acting_user=member)
    type(off).unscoped.filter(pk=off.pk).update(enabled=False)
    link = make_link(capture, LinkKind.LATEST, created_by=member)
    text = text_of(logged_in(member).get(f"/sharing/{link.pk}/sign"))
    for said in (device.name, device.org.name, "Every 10 minutes", "Kept for 30 days", "porter@example.org"):
        assert said in text
    assert "Every 2 minutes" not in text
    assert "No contact stands on it" not in text
    assert f"http://testserver/s/{link.token}" in text
    make_policy(device.org, device=device, days=400)
    type(device.org).objects.filter(pk=device.org_id).update(retention_days=14)
    assert "Kept for 14 days" in text_of(logged_in(member).get(f"/sharing/{link.pk}/sign"))


def test_who_can_say_the_contact_of_a_sign_is_led_there(capture, member):
    link = make_link(capture, created_by=member)
    for user, is_led in ((member, False), (owner_of(capture.org), True)):
        page = logged_in(user).get(f"/sharing/{link.pk}/sign").text
        assert "No contact stands on it." in page
        assert ('href="/sharing/policy"' in page) == is_led


# --- the list


def listed(user, **query) -> list[str]:
    page = logged_in(user).get("/sharing", query).text
    return re.findall(r'class="row-title"><a href="/sharing/([0-9a-f-]+)"', page)


def test_the_list_is_of_ones_own_links_and_for_admins_of_all(capture, member):
    viewer, admin = make_member(capture.org, Role.VIEWER), make_member(capture.org, Role.ADMIN)
    own, others = make_link(capture, created_by=member), make_link(capture)
    make_link(make_capture(verdict="normal"))
    assert listed(member) == [str(own.pk)]
    assert listed(admin) == [str(others.pk), str(own.pk)]
    assert logged_in(viewer).get("/sharing").status_code == 403


def test_links_are_found_by_note_camera_maker_and_beginning(capture, member):
    owner = owner_of(capture.org)
    other = make_capture(make_device(capture.org, "Yard")[0], verdict="normal")
    first = make_link(capture, note="For the Insurer", token="abcDEF-and-much-more", created_by=member)
    second = make_link(other, created_by=owner)
    assert listed(owner, search="insurer") == [str(first.pk)]
    assert listed(owner, search="yard") == [str(second.pk)]
    assert listed(owner, search=member.email) == [str(first.pk)]
    assert listed(owner, search="abcDEF") == [str(first.pk)]
    # Nobody feels their way to a token.
    assert listed(owner, search="abcDEF-") == []
    assert listed(owner, search="nothing") == []
    assert logged_in(owner).get("/sharing", {"state": "odd"}).status_code == 400


def test_the_states_of_the_list_are_those_that_doors_find(capture, member):
    org, owner, now = capture.org, owner_of(capture.org), timezone.now()
    gone, late, limited = (make_member(org) for _ in range(3))
    for user, fields in (
        (late, {"valid_until": now - timedelta(seconds=1)}),
        (limited, {"camera_ids": [str(capture.device_id)]}),
    ):
        limit(user, **fields)
    elsewhere = make_capture(make_device(org)[0], verdict="normal")
    past = now - timedelta(days=1)
    for user in (owner, member, gone, late, limited):
        make_link(capture, created_by=user)
    make_link(elsewhere, created_by=limited)
    make_link(capture)
    make_link(capture, without_maker=False)
    make_link(capture, created_by=member, expires_at=past)
    make_link(capture, created_by=late, expires_at=past, max_views=1, view_count=1)
    make_link(capture, created_by=member, max_views=1, view_count=1)
    make_link(capture, suspended_at=past, expires_at=past)
    make_link(capture, revoked_at=past, suspended_at=past)
    remove_member(membership=membership_of(org, gone), acting_membership=membership_of(org, owner))
    policy = allow(capture.device)
    links = org.share_links.all()
    for change in ({}, {"smallest_role": Role.ADMIN}, {"enabled": False}):
        SharingPolicy.unscoped.filter(pk=policy.pk).update(**change)
        found = states_of(links, at=now)
        for state in LinkState:
            by_rows = {pk for pk, one in found.items() if one == state}
            assert set(in_state(links, state, org=org, at=now).values_list("pk", flat=True)) == by_rows, state
    assert len(set(found.values())) == 3


def test_the_list_costs_the_same_for_many_and_goes_page_by_page(capture):
    owner = owner_of(capture.org)
    client = logged_in(owner)

    def count() -> int:
        return len(statements_of(lambda: client.get("/sharing", {"state": "open"})))

    make_link(capture, LinkKind.RANGE, created_by=owner)
    few = count()
    for number in range(55):
        make_link(
            capture,
            LinkKind.RANGE,
            created_by=owner if number % 2 else make_member(capture.org) if number < 6 else None,
        )
    assert count() == few
    first = client.get("/sharing")
    older = unescape(re.search(r'rel="next" href="([^"]*)"', first.text)[1])
    assert first.text.count('class="row-title"') == 50
    assert client.get(older).text.count('class="row-title"') == 6


# --- the policy


def test_admins_say_what_may_be_shared(device, member):
    admin = make_member(device.org, Role.ADMIN)
    said = {"longest_days": "14", "smallest_role": "admin", "contact": "+49 30 1234"}
    assert logged_in(member).post("/sharing/policy", said).status_code == 403
    client = logged_in(admin)
    assert 'value="365"' in client.get("/sharing/policy").text
    assert client.post("/sharing/policy", said).status_code == 302
    policy = SharingPolicy.unscoped.get()
    assert (policy.enabled, policy.longest_days, policy.smallest_role, policy.contact) == (
        False,
        14,
        "admin",
        "+49 30 1234",
    )
    assert "Sharing is switched off" in client.get("/sharing").text
    assert "Sharing is switched off" in client.get(f"/cameras/{device.pk}/share").text
    wrong = client.post("/sharing/policy", {**said, "longest_days": "0"})
    assert (wrong.status_code, "greater than or equal to 1" in wrong.text) == (400, True)
    assert client.post("/sharing/policy", {**said, "longest_days": "", "enabled": "on"}).status_code == 302
    policy.refresh_from_db()
    assert (policy.enabled, policy.longest_days) == (True, None)


def test_who_removes_a_member_is_told_how_many_links_end(capture, member):
    owner = owner_of(capture.org)
    url = f"/organization/people/{membership_of(capture.org, member).pk}/remove"
    assert "open link" not in logged_in(owner).get(url).text
    make_link(capture, created_by=member)
    make_link(capture, created_by=member)
    make_link(capture, created_by=member, revoked_at=timezone.now())
    make_link(capture, created_by=owner)
    assert "2 open links that they made end with it" in text_of(logged_in(owner).get(url))
    assert logged_in(owner).post(url).status_code == 302
    assert "open link" not in logged_in(owner).get("/organization/people").text
