"""Members share: the forms on which links are made, with their preview."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client

from devices.models import Device
from orgs.models import Role
from sharing.models import LinkKind, Sampling, ShareLink
from sharing.origins import origins_of
from sharing.tests.forms import CAMERA, TERMS, allow, in_days, limit, text_of
from tests.builders import (
    MOMENT,
    logged_in,
    make_capture,
    make_device,
    make_member,
    make_org,
    owner_of,
)

pytestmark = pytest.mark.django_db


def test_a_site_is_kept_as_browsers_name_it():
    said = ["https://A.example:443/", "http://a.example:80", "https://a.example:8443"]
    assert origins_of(said) == ["http://a.example", "https://a.example", "https://a.example:8443"]


def test_a_camera_is_shared_on_all_the_terms_that_were_said(device, member):
    said = {
        "expires_in_days": "30",
        "max_views": "10",
        "delay_hours": "2",
        "sampling": "hourly",
        "download_allowed": "on",
        "verdict_hidden": "on",
        "picture_in_preview": "on",
        "embed_origins": "https://www.example.org\nhttps://b.example.org",
        "note": "For the insurer",
    }
    answer = logged_in(member).post(f"/cameras/{device.pk}/share", {**CAMERA, **said})
    link = ShareLink.unscoped.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/sharing/{link.pk}")
    assert (link.kind, link.device, link.created_by, in_days(link)) == (LinkKind.DEVICE, device, member, 30)
    assert (link.max_views, link.delay_hours, link.sampling) == (10, 2, Sampling.HOURLY)
    assert (link.download_allowed, link.verdict_shown, link.picture_in_preview) == (True, False, True)
    assert link.embed_origins == ["https://b.example.org", "https://www.example.org"]
    assert (link.note, link.password_hash) == ("For the insurer", "")


def test_one_picture_is_shared_with_a_password_that_stands_in_no_page(capture, member):
    client = logged_in(member)
    answer = client.post(f"/captures/{capture.pk}/share", {**TERMS, "password": "open sesame"}, follow=True)
    link = ShareLink.unscoped.get()
    assert (link.kind, link.capture, in_days(link)) == (LinkKind.CAPTURE, capture, 3)
    assert check_password("open sesame", link.password_hash)
    assert "open sesame" not in answer.text
    assert f"http://testserver/s/{link.token}" in answer.text


def test_a_span_of_days_is_of_the_clock_of_the_camera(device, member):
    Device.unscoped.filter(pk=device.pk).update(time_zone="Europe/Berlin")
    client = logged_in(member)
    days = {"kind": "range", "range_from": "2026-03-28", "range_until": "2026-03-29"}
    asked = client.get(f"/cameras/{device.pk}/share", days).text
    assert 'name="range_from" value="2026-03-28"' in asked
    assert client.post(f"/cameras/{device.pk}/share", {**CAMERA, **days}).status_code == 302
    link = ShareLink.unscoped.get()
    assert (link.range_from.isoformat(), link.range_until.isoformat()) == (
        "2026-03-27T23:00:00+00:00",
        "2026-03-29T22:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"expires_in_days": "366"}, "less than or equal to 365"),
        ({"expires_in_days": "0"}, "greater than or equal to 1"),
        ({"expires_in_days": ""}, "This field is required"),
        ({"never": "on", "expires_in_days": ""}, "This field is required"),
        ({"password": "short"}, "at least 6 characters"),
        ({"max_views": "0"}, "greater than or equal to 1"),
        ({"delay_hours": "-1"}, "greater than or equal to 0"),
        ({"delay_hours": "99999"}, "less than or equal to 8784"),
        ({"sampling": "weekly"}, "Select a valid choice"),
        ({"kind": "capture"}, "Select a valid choice"),
        ({"kind": "range", "range_from": "2026-03-01"}, "Choose the last day."),
        ({"kind": "range", "range_from": "2026-03-02", "range_until": "2026-02-01"}, "must end after it begins"),
        ({"embed_origins": "javascript:alert(1)"}, "is no site"),
        ({"embed_origins": "https://a.example", "password": "open sesame"}, "cannot be embedded"),
        ({"note": "x" * 201}, "at most 200 characters"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_shared(device, member, wrong, sentence):
    answer = logged_in(member).post(f"/cameras/{device.pk}/share", {**CAMERA, **wrong})
    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert not ShareLink.unscoped.exists()


def test_a_link_never_ends_only_where_that_is_allowed_and_said(device, member):
    client, url = logged_in(member), f"/cameras/{device.pk}/share"
    assert 'name="never"' not in client.get(url).text
    allow(device, longest_days=None)
    assert 'name="never"' in client.get(url).text
    assert "or that it never does" in client.post(url, {**CAMERA, "expires_in_days": ""}).text
    assert client.post(url, {**CAMERA, "expires_in_days": "", "never": "on"}).status_code == 302
    assert ShareLink.unscoped.get().expires_at is None


def test_only_who_may_share_gets_the_form(device, capture, member):
    viewer, limited = make_member(device.org, Role.VIEWER), make_member(device.org, Role.MEMBER)
    limit(limited, camera_ids=[str(make_device(device.org)[0].pk)])
    addresses = (f"/cameras/{device.pk}/share", f"/captures/{capture.pk}/share")
    for address in (*addresses, *(f"{address}/preview" for address in addresses)):
        assert logged_in(viewer).get(address).status_code == 403
        assert logged_in(limited).get(address).status_code == 404
        assert logged_in(owner_of(make_org())).get(address).status_code == 404
    allow(device, smallest_role=Role.ADMIN)
    for address in addresses:
        assert logged_in(member).get(address).status_code == 403
        assert logged_in(member).post(address, {**CAMERA}).status_code == 403
    assert not ShareLink.unscoped.exists()


def test_a_picture_from_before_the_history_of_a_member_is_not_shared(capture, member):
    limit(member, history_from=MOMENT + timedelta(hours=1))
    client = logged_in(member)
    assert client.get(f"/captures/{capture.pk}/share").status_code == 404
    preview = client.get(f"/cameras/{capture.device_id}/share/preview", CAMERA)
    assert "There is no picture to show yet." in preview.text
    client.post(f"/cameras/{capture.device_id}/share", CAMERA)
    assert "There is no picture to show yet." in Client().get(f"/s/{ShareLink.unscoped.get().token}").text


def test_those_who_may_not_share_are_not_led_there(device, capture, member):
    viewer = make_member(device.org, Role.VIEWER)
    for address in ("/", f"/cameras/{device.pk}", f"/captures/{capture.pk}", f"/?camera={device.pk}"):
        assert "shar" not in logged_in(viewer).get(address).text.replace("sharp", "")
        assert 'href="/sharing"' in logged_in(member).get(address).text
    pages = [f"/cameras/{device.pk}", f"/?camera={device.pk}", f"/cameras/{device.pk}/calendar/2026-03-01"]
    assert all(f"/cameras/{device.pk}/share" in logged_in(member).get(page).text for page in pages)
    assert f"/captures/{capture.pk}/share" in logged_in(member).get(f"/captures/{capture.pk}").text


# --- the preview


def test_the_preview_is_what_visitors_will_see_with_the_addresses_of_members(capture, member):
    client, url = logged_in(member), f"/cameras/{capture.device_id}/share/preview"
    shown = client.get(url, CAMERA)
    assert f'src="/captures/{capture.pk}/thumbnail"' in shown.text
    assert "A ladder is there." in shown.text
    assert "/s/" not in shown.text
    assert "data-visit-url" not in shown.text
    hidden = client.get(url, {**CAMERA, "verdict_hidden": "on"})
    assert "A ladder is there." not in hidden.text
    assert f"/captures/{capture.pk}/thumbnail" not in client.get(url, {**CAMERA, "delay_hours": "8784"}).text
    one = client.get(f"/captures/{capture.pk}/share/preview", TERMS)
    assert f'src="/captures/{capture.pk}/image"' in one.text
    assert not ShareLink.unscoped.exists()


def test_the_preview_goes_from_page_to_page_on_the_same_terms(device, member):
    rows = [make_capture(device, seed=1, minutes=60 * hour, verdict="normal") for hour in range(30)]
    client, url = logged_in(member), f"/cameras/{device.pk}/share/preview"
    first = client.get(url, {**CAMERA, "verdict_hidden": "on"})
    older = unescape(re.search(r'href="([^"]*cursor=[^"]*)"', first.text)[1])
    assert older.startswith(url)
    second = client.get(older)
    assert str(rows[0].pk) in second.text
    assert "Normal" not in second.text
    assert client.get(url, {**CAMERA, "cursor": "nonsense"}).status_code == 400


def test_the_preview_says_why_there_is_nothing_to_show(device, member):
    client, url = logged_in(member), f"/cameras/{device.pk}/share/preview"
    assert "less than or equal to 365" in client.get(url, {**CAMERA, "expires_in_days": "999"}).text
    assert "is no site" in client.get(url, {**CAMERA, "embed_origins": "nonsense"}).text


def test_without_a_script_a_button_previews_and_nothing_is_lost_nor_saved(device, member):
    said = {**CAMERA, "note": "Kept", "password": "open sesame", "preview": "1", "verdict_hidden": "on"}
    page = logged_in(member).post(f"/cameras/{device.pk}/share", said)
    assert page.status_code == 200
    source = unescape(re.search(r'<iframe[^>]* src="([^"]*)"', page.text)[1])
    assert source.startswith(f"/cameras/{device.pk}/share/preview?")
    assert {"note=Kept", "verdict_hidden=on"} <= set(source.partition("?")[2].split("&"))
    assert "sesame" not in source
    assert 'value="open sesame"' in page.text
    assert not ShareLink.unscoped.exists()


def test_only_the_form_may_frame_and_only_the_preview_be_framed(device, member):
    client = logged_in(member)
    form, preview = client.get(f"/cameras/{device.pk}/share"), client.get(f"/cameras/{device.pk}/share/preview")
    assert "frame-src 'self'" in form["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in form["Content-Security-Policy"]
    assert form["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'self'" in preview["Content-Security-Policy"]
    assert "frame-src" not in preview["Content-Security-Policy"]
    assert preview["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-src" not in client.get("/sharing")["Content-Security-Policy"]
