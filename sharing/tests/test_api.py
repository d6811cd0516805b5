"""Links as members' programs make, see, change and take them back."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from orgs.models import AuditEntry, Membership, Role
from sharing.models import LinkKind, ShareLink, SharingPolicy
from tests.builders import MOMENT, make_capture, make_device, make_link, make_member, make_org, make_token
from tests.queries import statements_of
from tests.scanner import scanned

pytestmark = pytest.mark.django_db
PASSWORD = "open sesame"


class Program:
    """A member's program: their token, and the calls it makes."""

    def __init__(self, membership):
        self.membership = membership
        self.headers = {"Authorization": f"Bearer {make_token(membership)[1]}"}

    def __call__(self, method, path, **sent):
        asked = {"content_type": "application/json"} if method != "get" else {}
        return getattr(Client(), method)(f"/v1/{path}", sent, headers=self.headers, **asked)

    def share(self, device, **sent):
        return self("post", f"devices/{device.pk}/share", **sent)


@pytest.fixture
def capture():
    return make_capture(make_device(make_org(time_zone="Europe/Zurich"))[0], verdict="normal")


@pytest.fixture
def admin(capture):
    return Program(capture.org.memberships.get(role=Role.OWNER))


@pytest.fixture
def member(capture):
    return Program(make_member(capture.org).memberships.get())


def limit(program, **fields):
    Membership.unscoped.filter(pk=program.membership.pk).update(**fields)


def test_a_camera_is_shared_for_a_week_by_default(capture, member, settings):
    answer = member.share(capture.device)
    link = ShareLink.unscoped.get()
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "token": link.token,
            "share_url": f"{settings.VISANT_URL}/s/{link.token}",
            "device_id": str(capture.device_id),
            "share_type": "device",
            "capture_id": None,
            "start_date": None,
            "end_date": None,
            "created_at": answer.json()["created_at"],
            "created_by": member.membership.user.email,
            "expires_at": answer.json()["expires_at"],
            "state": "open",
            "view_count": 0,
            "max_views": None,
            "last_viewed_at": None,
            "has_password": False,
            "note": "",
            "download_allowed": False,
            "delay_hours": 0,
            "sampling": "all",
            "verdict_shown": True,
            "picture_in_preview": False,
            "embed_origins": [],
        },
    )
    assert len(link.token) == 32
    assert link.expires_at - link.created_at == timedelta(days=7)
    assert Client().get(f"/s/{link.token}").status_code == 200


def test_each_kind_is_shared_with_what_it_needs(capture, member):
    device = capture.device
    assert member.share(device, share_type="latest").json()["share_type"] == "latest"
    for name in (str(capture.pk), capture.record_id):
        answer = member.share(device, device_id=str(device.pk), share_type="capture", capture_id=name).json()
        assert (answer["share_type"], answer["capture_id"]) == ("capture", str(capture.pk))
    answer = member.share(device, share_type="date_range", start_date="2026-03-01", end_date="2026-03-29").json()
    # Whole days of the camera's clock: the last of them ends an hour earlier in the world, the clocks were put on.
    assert (answer["start_date"], answer["end_date"]) == ("2026-02-28T23:00:00Z", "2026-03-29T22:00:00Z")
    moments = {"start_date": "2026-03-01T12:00:00+01:00", "end_date": "2026-03-01T14:00:00"}
    answer = member.share(device, share_type="date_range", **moments).json()
    assert (answer["start_date"], answer["end_date"]) == ("2026-03-01T11:00:00Z", "2026-03-01T14:00:00Z")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"share_type": "album"}, "share_type"),
        ({"share_type": "capture"}, "capture_id: This is needed with share_type capture."),
        ({"capture_id": "x"}, "capture_id: This goes with share_type capture only."),
        ({"share_type": "date_range", "start_date": "2026-03-01"}, "end_date: This is needed"),
        ({"share_type": "date_range", "start_date": "1 March", "end_date": "2026-03-01"}, "Write a day like"),
        ({"share_type": "date_range", "start_date": "2026-03-02", "end_date": "2026-03-01"}, "must end after"),
        (
            {"share_type": "date_range", "start_date": "2026-03-02", "end_date": "9999-12-31"},
            "beyond the calendar",
        ),
        ({"device_id": "01890000-0000-7000-8000-000000000000"}, "not the camera in the address"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 366}, "at most 365"),
        ({"never_expires": True}, "Links of your organization live at most 365 days"),
        ({"never_expires": True, "expires_in_days": 3}, "not both"),
        ({"max_views": 0}, "max_views"),
        ({"password": "short"}, "6 to 128 characters"),
        ({"delay_hours": -1}, "delay_hours"),
        ({"sampling": "weekly"}, "sampling"),
        ({"embed_origins": ["https://a.example/page"]}, "is no site"),
        ({"embed_origins": ["https://a.example; script-src *"]}, "is no site"),
        ({"embed_origins": ["https://a.example"], "password": PASSWORD}, "cannot be embedded"),
        ({"colour": "blue"}, "There is no such field"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_its_reason(capture, member, sent, said):
    answer = member.share(capture.device, **sent)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert said in answer.json()["detail"]
    assert not ShareLink.unscoped.exists()


def test_a_link_is_never_without_an_end_by_accident(capture, member, admin):
    week = member.share(capture.device, expires_in_days=None, never_expires=False).json()
    assert week["expires_at"] is not None
    assert admin("patch", "sharing-policy", longest_days=3).json()["longest_days"] == 3
    link = ShareLink.unscoped.get(token=member.share(capture.device).json()["token"])
    assert link.expires_at - link.created_at == timedelta(days=3)
    admin("patch", "sharing-policy", longest_days=None)
    assert member.share(capture.device, never_expires=True).json()["expires_at"] is None
    assert member.share(capture.device).json()["expires_at"] is not None


def test_a_link_ends_with_the_membership_that_it_is_made_by(capture, member):
    ends = timezone.now() + timedelta(days=2)
    limit(member, valid_until=ends)
    assert datetime.fromisoformat(member.share(capture.device).json()["expires_at"]) == ends


def test_only_what_one_sees_is_shared_and_only_by_who_may(capture, member, admin):
    other = make_capture(make_device(capture.org)[0])
    limit(member, camera_ids=[str(other.device_id)])
    assert member.share(capture.device).status_code == 404
    assert member.share(other.device).status_code == 201
    assert member.share(other.device, share_type="capture", capture_id=str(capture.pk)).status_code == 404
    limit(member, history_from=MOMENT + timedelta(days=1))
    assert member.share(other.device, share_type="capture", capture_id=str(other.pk)).status_code == 404
    viewer = Program(make_member(capture.org, Role.VIEWER).memberships.get())
    assert (viewer.share(capture.device).status_code, viewer("get", "share-links").status_code) == (403, 403)
    admin("patch", "sharing-policy", smallest_role="admin")
    refused = member.share(other.device)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_small")
    stranger = Program(make_org().memberships.get())
    assert stranger.share(capture.device).status_code == 404


def test_a_password_is_kept_as_a_hash_and_never_told(capture, member, caplog, settings):
    settings.PASSWORD_HASHERS = ["orgs.hashers.Argon2idHasher"]
    answer = member.share(capture.device, password=PASSWORD)
    link = ShareLink.unscoped.get()
    assert link.password_hash.startswith("argon2$argon2id$")
    assert answer.json()["has_password"] is True
    everything = answer.content.decode() + caplog.text + str(list(AuditEntry.unscoped.values()))
    assert PASSWORD not in everything
    assert link.password_hash not in everything
    assert link.token not in str(list(AuditEntry.unscoped.values()))


def test_a_link_is_changed_and_an_empty_password_takes_it_away(capture, member):
    token = member.share(capture.device, password=PASSWORD, note="Fence").json()["token"]
    changed = member("patch", f"share-links/{token}", max_views=3, note="Gate", expires_in_days=30).json()
    assert (changed["max_views"], changed["note"], changed["has_password"]) == (3, "Gate", True)
    link = ShareLink.unscoped.get()
    assert timedelta(days=29) < link.expires_at - timezone.now() <= timedelta(days=30)
    assert member("patch", f"share-links/{token}", password="").json()["has_password"] is False
    refused = member("patch", f"share-links/{token}", share_type="latest")
    assert (refused.status_code, "no such field" in refused.json()["detail"]) == (400, True)
    entry = AuditEntry.unscoped.filter(action="share.changed").latest("at")
    assert (entry.before, entry.after) == ({"protected": "yes"}, {"protected": "no"})


def test_a_new_password_is_in_the_audit_without_being_told(capture, member):
    token = member.share(capture.device, password=PASSWORD).json()["token"]
    member("patch", f"share-links/{token}", password=f"{PASSWORD} 2")
    entry = AuditEntry.unscoped.get(action="share.changed")
    assert (entry.before, entry.after) == ({"protected": "yes"}, {"protected": "by a new password"})


def test_what_was_taken_back_stays_so(capture, member):
    token = member.share(capture.device).json()["token"]
    assert [member("delete", f"share-links/{token}").status_code for _ in range(2)] == [204, 204]
    assert member("get", f"share-links/{token}").json()["state"] == "revoked"
    refused = member("patch", f"share-links/{token}", note="Again")
    assert (refused.status_code, refused.json()["code"]) == (409, "link_revoked")
    assert Client().get(f"/s/{token}").status_code == 410
    assert AuditEntry.unscoped.filter(action="share.revoked").count() == 1


def test_members_see_their_own_links_and_admins_all(capture, member, admin):
    mine, theirs = member.share(capture.device).json()["token"], admin.share(capture.device).json()["token"]
    make_link(make_capture())
    assert [row["token"] for row in member("get", "share-links").json()["share_links"]] == [mine]
    assert {row["token"] for row in admin("get", "share-links").json()["share_links"]} == {mine, theirs}
    for method in ("get", "patch", "delete"):
        assert member(method, f"share-links/{theirs}").status_code == 404
    assert member("get", f"share-links/{theirs}/qrcode").status_code == 404


def test_a_list_is_narrowed_and_paged(capture, admin):
    now = timezone.now()
    fence = make_link(capture, note="Fence", created_at=now - timedelta(hours=2))
    gone = make_link(capture, expires_at=now, created_at=now - timedelta(hours=1))
    other = make_link(make_capture(make_device(capture.org)[0]), LinkKind.DEVICE, created_at=now)

    def tokens(**narrow):
        return [row["token"] for row in admin("get", "share-links", **narrow).json()["share_links"]]

    assert tokens() == [other.token, gone.token, fence.token]
    assert tokens(state="open") == [other.token, fence.token]
    assert tokens(state="expired") == [gone.token]
    assert tokens(q="fen") == [fence.token]
    assert tokens(device_id=str(other.device_id)) == [other.token]
    page = admin("get", "share-links", limit=2).json()
    following = Client().get(page["next"], headers=admin.headers).json()
    assert [row["token"] for row in following["share_links"]] == [fence.token]
    assert following["next"] is None
    assert admin("get", "share-links", state="odd").status_code == 400


def test_a_long_list_takes_as_many_queries_as_a_short_one(capture, admin):
    def count():
        return len(statements_of(lambda: admin("get", "share-links")))

    make_link(capture, created_by=make_member(capture.org))
    count()  # that a token was used is noted now and then
    few = count()
    for _ in range(5):
        make_link(make_capture(make_device(capture.org)[0]), created_by=make_member(capture.org))
    assert count() == few


def test_many_are_taken_back_at_once_by_admins(capture, member, admin):
    other = make_device(capture.org)[0]
    for program in (member, admin):
        for device in (capture.device, other):
            program.share(device)
    foreign = make_link(make_capture())
    assert member("post", "share-links/revoke", all=True).status_code == 403
    for sent in (
        {},
        {"all": False},
        {"all": "yes"},
        {"all": True, "created_by": "x@example.org"},
        {"created_by": "x@example.org"},
    ):
        assert admin("post", "share-links/revoke", **sent).status_code == 400
    assert admin("post", "share-links/revoke", device_id=str(other.pk)).json() == {"revoked": 2}
    assert admin("post", "share-links/revoke", created_by=member.membership.user.email.upper()).json() == {
        "revoked": 1
    }
    assert admin("post", "share-links/revoke", all=True).json() == {"revoked": 1}
    assert admin("post", "share-links/revoke", all=True).json() == {"revoked": 0}
    foreign.refresh_from_db()
    assert foreign.revoked_at is None


def test_the_policy_is_seen_by_members_and_changed_by_admins(capture, member, admin):
    defaults = {"enabled": True, "longest_days": 365, "smallest_role": "member", "contact": ""}
    assert member("get", "sharing-policy").json() == defaults
    assert member("patch", "sharing-policy", enabled=False).status_code == 403
    token = member.share(capture.device).json()["token"]
    changed = admin("patch", "sharing-policy", enabled=False, contact="yard@example.org").json()
    assert changed == {**defaults, "enabled": False, "contact": "yard@example.org"}
    assert Client().get(f"/s/{token}").status_code == 410
    assert member("get", f"share-links/{token}").json()["state"] == "switched_off"
    assert admin("patch", "sharing-policy", longest_days=0).status_code == 400
    assert SharingPolicy.unscoped.count() == 1


def test_a_qr_code_leads_to_the_page(capture, member, settings):
    token = member.share(capture.device).json()["token"]
    png = member("get", f"share-links/{token}/qrcode", size=300, error_correction="Q")
    assert png.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(png.content)).size == (300, 300)
    assert scanned(png.content) == settings.VISANT_URL + reverse("share", args=[token])
    svg = member("get", f"share-links/{token}/qrcode", format="svg")
    assert (svg.headers["Content-Type"], svg.content[:4]) == ("image/svg+xml", b"<svg")
    for wrong in ({"format": "gif"}, {"size": 10}, {"size": "large"}, {"error_correction": "Z"}):
        refused = member("get", f"share-links/{token}/qrcode", **wrong)
        assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/problem+json")


def test_moments_are_told_in_utc(capture, member):
    answer = member.share(capture.device).json()
    assert datetime.fromisoformat(answer["created_at"]).tzinfo == UTC
