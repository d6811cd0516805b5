"""Every refusal on every route: whatever closes a link, nothing of it is left open, nor told.

The routes are read from the URLs, so a new one is walked as well. Each refusal is seen after the same visitor got
the same address answered.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from captures.models import Capture
from captures.retention.deleting import delete_capture
from orgs.models import Membership, Role
from sharing.models import LinkKind, Sampling, ShareLink, SharingPolicy
from sharing.services.links import change_link, revoke_links
from sharing.services.reports import suspend_link
from sharing.visitors import urls
from tests.builders import (
    MOMENT,
    make_capture,
    make_device,
    make_link,
    make_member,
    make_operator,
    make_org,
    membership_of,
    owner_of,
)
from visant import permissions

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HOUR = timedelta(hours=1)
PASSWORD, OTHER_PASSWORD = "a garden gate", "a cellar door"
SITE = "https://www.example.org"


class Door(NamedTuple):
    method: str
    name: str
    # Whether its address names a picture.
    of_picture: bool


# Who saw a page yesterday may report it today; it shows nothing of what the link showed.
ALWAYS_OPEN = {"share-report"}
# What is answered where something is sent: a password that is taken leads on to the page. All else is shown.
SENT = {
    ("POST", "share"): 302,
    ("POST", "share-picture"): 302,
    ("POST", "share-image"): 302,
    ("POST", "share-original"): 302,
    ("POST", "share-latest"): 302,
    ("POST", "share-embed"): 302,
    ("POST", "share-view"): 204,
    ("POST", "api-share"): 200,
}
DOORS = [
    Door(door.method, door.name, "{pk}" in door.path)
    for door in permissions.doors()
    if door.name in {pattern.name for pattern in urls.urlpatterns} - ALWAYS_OPEN
]
OPEN = {door: SENT.get((door.method, door.name), 200) for door in DOORS}
# Where views are limited a preview has no picture.
LIMITED = OPEN | {Door("GET", "share-preview", False): 404}
OF_PICTURES = [door for door in DOORS if door.of_picture]


def refused_by(status: int) -> dict[Door, int]:
    return dict.fromkeys(DOORS, status)


def knock(door: Door, token: str, pk: object, client: Client, *, password: str = "", visit: str = ""):
    address = reverse(door.name, args=[token, pk] if door.of_picture else [token])
    query = {"visit": visit} if visit else {}
    if door.method == "GET":
        return client.get(address, query)
    kind = {"content_type": "application/json"} if door.name == "api-share" else {}
    return client.post(address, {"password": password}, query_params=query, **kind)


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


class Shared:
    """A link to all pictures of a camera that allows whatever there is to allow, and who made it."""

    def __init__(self, **fields) -> None:
        self.org = make_org("Secretive")
        self.device, _ = make_device(self.org, "Hidden gate")
        self.capture = make_capture(self.device, verdict="abnormal", reason="Unmentionable.")
        self.maker = make_member(self.org)
        allowed = {"download_allowed": True, "picture_in_preview": True, "embed_origins": [SITE]}
        fields = {"created_by": self.maker, "expires_at": NOW + 24 * HOUR, **allowed, **fields}
        kind = fields.pop("kind", LinkKind.DEVICE)
        self.link = make_link(self.capture, kind, **fields)

    def change(self, **fields) -> None:
        ShareLink.unscoped.filter(pk=self.link.pk).update(**fields)

    def change_maker(self, **fields) -> None:
        Membership.unscoped.filter(user=self.maker).update(**fields)

    def answers(self, client: Client | None = None, *, doors=DOORS, **options) -> dict[Door, tuple[int, bytes]]:
        """What each door answers to one visitor, or each time to a new one."""
        found = {}
        for door in doors:
            answer = knock(door, self.link.token, self.capture.pk, client or Client(), **options)
            found[door] = answer.status_code, body_of(answer)
        return found

    def statuses(self, client: Client | None = None, **options) -> dict[Door, int]:
        return {door: status for door, (status, _) in self.answers(client, **options).items()}

    @property
    def unmentionable(self) -> list[bytes]:
        texts = ("Hidden gate", "Unmentionable", "Secretive", str(self.capture.pk), str(self.device.pk))
        return [text.encode() for text in texts]


@pytest.fixture(autouse=True)
def _no_limits(settings):
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "off")


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def visitor(shared) -> Iterator[Client]:
    """Who has looked at everything already, and whose view was counted."""
    client = Client()
    assert shared.statuses(client) == OPEN
    return client


def test_the_walk_knows_every_route_and_every_one_is_behind_the_door():
    names = {str(pattern.name) for pattern in urls.urlpatterns}
    assert len(names) == len(urls.urlpatterns) >= 11
    assert {door.name for door in DOORS} == names - ALWAYS_OPEN
    assert {(door.method, door.name) for door in DOORS if door.method != "GET"} == set(SENT)
    assert {door.name for door in OF_PICTURES} == {
        "share-picture",
        "share-image",
        "share-thumbnail",
        "share-original",
    }
    assert all("token" in pattern.pattern.converters for pattern in urls.urlpatterns)


def test_what_is_looked_for_does_stand_in_the_pages(shared):
    bodies = [body for _, body in shared.answers().values()]
    found = [text for text in shared.unmentionable if any(text in body for body in bodies)]
    assert {b"Hidden gate", b"Unmentionable", str(shared.capture.pk).encode()} <= set(found)


def assert_tells_nothing(shared: Shared, answers: dict[Door, tuple[int, bytes]]) -> None:
    told = {door: text for door, (_, body) in answers.items() for text in shared.unmentionable if text in body}
    assert told == {}


# --- the link as a whole


def test_an_unknown_token_opens_nothing(shared):
    shared.link.token = shared.link.token[:-1]
    answers = shared.answers()
    assert {door: status for door, (status, _) in answers.items()} == refused_by(404)
    assert_tells_nothing(shared, answers)


CLOSINGS = {
    "expired": ("expired", lambda shared: shared.change(expires_at=NOW)),
    "taken back": (
        "revoked",
        lambda shared: revoke_links(
            links=ShareLink.unscoped.filter(pk=shared.link.pk), acting_user=owner_of(shared.org)
        ),
    ),
    "stopped by the operator": (
        "suspended",
        lambda shared: suspend_link(link=shared.link, acting_user=make_operator(), reason="Reported."),
    ),
    "of a suspended organization": (
        "suspended",
        lambda shared: type(shared.org).objects.filter(pk=shared.org.pk).update(suspended_at=NOW),
    ),
    "of an organization that switched sharing off": (
        "switched_off",
        lambda shared: SharingPolicy.unscoped.create(org=shared.org, enabled=False),
    ),
    "of an organization whose admins share only": (
        "maker_gone",
        lambda shared: SharingPolicy.unscoped.create(org=shared.org, smallest_role=Role.ADMIN),
    ),
    "of who was removed": (
        "maker_gone",
        lambda shared: Membership.unscoped.filter(user=shared.maker).delete(),
    ),
    "of who was demoted": ("maker_gone", lambda shared: shared.change_maker(role=Role.VIEWER)),
    "of who was limited to other cameras": ("maker_gone", lambda shared: shared.change_maker(camera_ids=[])),
    "of whose membership is over": ("maker_gone", lambda shared: shared.change_maker(valid_until=NOW)),
    "of who was deactivated": (
        "maker_gone",
        lambda shared: type(shared.maker).objects.filter(pk=shared.maker.pk).update(is_active=False),
    ),
    "of who was deleted": ("maker_gone", lambda shared: shared.maker.delete()),
}


@pytest.mark.parametrize("closing", CLOSINGS)
def test_whatever_closes_a_link_closes_all_of_it_to_new_and_known_visitors(shared, visitor, closing):
    state, close = CLOSINGS[closing]
    visit = visitor.cookies["visit"].value
    close(shared)
    for shown in ({"client": visitor}, {}, {"visit": visit}):
        answers = shared.answers(**shown)
        assert {door: status for door, (status, _) in answers.items()} == refused_by(410)
        assert_tells_nothing(shared, answers)
    said = visitor.get(reverse("api-share", args=[shared.link.token])).json()
    assert (said["code"], said["state"]) == ("link_closed", state)


def test_after_the_last_view_only_those_go_on_who_had_one(shared, visitor):
    shared.change(max_views=1)
    assert shared.statuses(visitor) == LIMITED
    answers = shared.answers()
    assert {door: status for door, (status, _) in answers.items()} == refused_by(410)
    assert_tells_nothing(shared, answers)
    assert ShareLink.unscoped.get(pk=shared.link.pk).view_count == 1


@pytest.mark.parametrize("name", ["share-image", "share-original", "share-latest"])
def test_a_full_picture_takes_a_view_and_nobody_gets_one_beyond_the_last(shared, name):
    shared.change(max_views=1)
    [door] = [door for door in DOORS if (door.method, door.name) == ("GET", name)]
    assert [list(shared.statuses(doors=[door]).values()) for _ in range(3)] == [[200], [410], [410]]
    assert ShareLink.unscoped.get(pk=shared.link.pk).view_count == 1


def test_pages_and_previews_take_no_view(shared):
    shared.change(max_views=1)
    takes = {"share-view", "share-image", "share-original", "share-latest"}
    looks = [door for door in DOORS if door.name not in takes]
    for _ in range(2):
        assert shared.statuses(doors=looks) == {door: LIMITED[door] for door in looks}
    assert ShareLink.unscoped.get(pk=shared.link.pk).view_count == 0


@pytest.mark.parametrize("kind", LinkKind)
def test_where_views_are_limited_every_picture_takes_one_but_small_ones_that_pages_list(kind):
    """Read from what the doors answer, so a new one that has a picture is asked as well."""
    shared = Shared(kind=kind, max_views=100)
    uncounted, counted = set(), set()
    for door in DOORS:
        before = ShareLink.unscoped.get(pk=shared.link.pk).view_count
        answer = knock(door, shared.link.token, shared.capture.pk, Client())
        if answer["Content-Type"].startswith("image/"):
            is_taken = ShareLink.unscoped.get(pk=shared.link.pk).view_count > before
            (counted if is_taken else uncounted).add(door.name)
    listed = {"share-thumbnail"} if kind in (LinkKind.DEVICE, LinkKind.RANGE) else set()
    assert uncounted == listed
    assert counted == {"share-image", "share-original", "share-latest", "share-thumbnail"} - listed


@pytest.mark.parametrize("kind", LinkKind)
def test_where_views_are_limited_programs_that_look_by_themselves_get_no_picture(kind):
    shared = Shared(kind=kind, max_views=100)
    robot = Client(headers={"User-Agent": "WhatsApp/2.23.20.0"})
    kinds = {door: knock(door, shared.link.token, shared.capture.pk, robot)["Content-Type"] for door in DOORS}
    assert [door for door, said in kinds.items() if said.startswith("image/")] == []
    assert ShareLink.unscoped.get(pk=shared.link.pk).view_count == 0


# --- the password


@pytest.fixture
def locked() -> Shared:
    return Shared(password_hash=make_password(PASSWORD), embed_origins=[])


def let_in(shared: Shared, password: str = PASSWORD) -> Client:
    client = Client()
    assert client.post(f"/s/{shared.link.token}", {"password": password}).status_code == 302
    return client


# Where there is a password a preview has no picture, and there is no frame; a right one is taken again.
LET_IN = OPEN | {Door("GET", "share-preview", False): 404, Door("GET", "share-embed", False): 404}


def test_without_the_password_nothing_is_shown_or_told(locked):
    for password in ("", "wrong"):
        answers = locked.answers(password=password)
        assert {door: status for door, (status, _) in answers.items()} == refused_by(403)
        assert_tells_nothing(locked, answers)


def test_with_the_password_all_is_open_until_it_is_another(locked):
    client = let_in(locked)
    visit = client.cookies["visit"].value
    assert locked.statuses(client, password=PASSWORD) == LET_IN
    assert locked.statuses(visit=visit, password=PASSWORD) == LET_IN
    change_link(
        link=locked.link, membership=membership_of(locked.org, owner_of(locked.org)), password=OTHER_PASSWORD
    )
    visit_with_view = client.cookies["visit"].value
    for shown in ({"client": client}, {"visit": visit}, {"visit": visit_with_view}):
        answers = locked.answers(password=PASSWORD, **shown)
        assert {door: status for door, (status, _) in answers.items()} == refused_by(403)
        assert_tells_nothing(locked, answers)
    assert locked.statuses(let_in(locked, OTHER_PASSWORD), password=OTHER_PASSWORD) == LET_IN


def test_who_was_in_before_there_was_a_password_is_asked_for_it(shared, visitor):
    shared.change(password_hash=make_password(PASSWORD))
    assert shared.statuses(visitor, password="wrong") == refused_by(403)


def test_the_password_of_one_link_opens_no_other(locked):
    other = Shared(password_hash=locked.link.password_hash)
    visit = let_in(locked).cookies["visit"].value
    assert other.statuses(visit=visit, password="wrong") == refused_by(403)


def test_a_closed_link_takes_no_password(locked):
    locked.change(expires_at=NOW)
    assert locked.statuses(password=PASSWORD) == refused_by(410)


# --- pictures that the link does not show


def of_another_camera(shared: Shared) -> Capture:
    return make_capture(make_device(shared.org)[0], verdict="normal", minutes=30)


def of_another_organization(shared: Shared) -> Capture:
    return make_capture(verdict="normal", minutes=30)


def later(shared: Shared, minutes: float = 30, **fields) -> Capture:
    """A newer picture of the same camera: whatever showed it by mistake would show it first."""
    return make_capture(shared.device, minutes=minutes, **{"verdict": "normal", **fields})


def too_young(shared: Shared) -> Capture:
    shared.change(delay_hours=5)
    return later(shared, captured_at=timezone.now() - 4 * HOUR)


def not_judged(shared: Shared) -> Capture:
    return make_capture(shared.device, minutes=30)


def before_its_makers_history(shared: Shared) -> Capture:
    shared.change_maker(history_from=MOMENT)
    return later(shared, minutes=-1)


def deleted(shared: Shared) -> Capture:
    capture = later(shared)
    delete_capture(capture=Capture.unscoped.get(pk=capture.pk), acting_user=owner_of(shared.org))
    return capture


NOT_KEPT = {"storage_key": "", "byte_size": 0, "sha256": ""}
NOT_SHOWN = {
    "of another camera": ({}, of_another_camera),
    "of another organization": ({}, of_another_organization),
    "of the same camera, where one is shared": ({"kind": LinkKind.CAPTURE}, later),
    "after the end of the span": ({"kind": LinkKind.RANGE}, lambda shared: later(shared, minutes=60)),
    "before the span": ({"kind": LinkKind.RANGE}, lambda shared: later(shared, minutes=-1)),
    "older than the latest": ({"kind": LinkKind.LATEST}, lambda shared: later(shared, minutes=-30)),
    "too young": ({}, too_young),
    "not judged": ({}, not_judged),
    "second of its hour": ({"sampling": Sampling.HOURLY}, later),
    "second of its day": ({"sampling": Sampling.DAILY}, lambda shared: later(shared, minutes=120)),
    "before what its maker may see": ({}, before_its_makers_history),
    "that was deleted": ({}, deleted),
    "that was not kept where it came from": ({}, lambda shared: later(shared, **NOT_KEPT)),
}


@pytest.mark.parametrize("why", NOT_SHOWN)
def test_a_picture_that_a_link_does_not_show_is_on_no_route_and_named_on_none(why):
    fields, make = NOT_SHOWN[why]
    shared = Shared(**fields)
    hidden = make(shared)
    shown = shared.answers()
    assert {door: status for door, (status, _) in shown.items()} == OPEN
    assert [door for door, (_, body) in shown.items() if str(hidden.pk).encode() in body] == []
    client = Client()
    found = {door: knock(door, shared.link.token, hidden.pk, client) for door in OF_PICTURES}
    statuses = {door: answer.status_code for door, answer in found.items()}
    # What is sent is a password, which is taken before the picture is looked for.
    assert statuses == {door: 404 if door.method == "GET" else 302 for door in OF_PICTURES}
    assert [answer for answer in found.values() if "ETag" in answer.headers] == []


def test_originals_are_for_links_that_allow_it(shared, visitor):
    shared.change(download_allowed=False)
    [door] = [door for door in DOORS if (door.method, door.name) == ("GET", "share-original")]
    assert shared.statuses(visitor, doors=[door]) == {door: 403}
    told = [door for door, (_, body) in shared.answers(visitor).items() if b"/original" in body]
    assert told == []


def test_no_answer_names_an_address_that_outlives_the_link(shared):
    """Signed addresses of pictures need no link; where Visant has the files itself, no visitor gets one."""
    for door in DOORS:
        answer = knock(door, shared.link.token, shared.capture.pk, Client())
        assert shared.capture.storage_key.encode() not in body_of(answer)
        assert "X-Accel-Redirect" not in answer.headers
        if answer.status_code == 302:
            assert answer["Location"].startswith(f"/s/{shared.link.token}")
