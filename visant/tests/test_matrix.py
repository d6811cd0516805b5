"""Every door × every kind of caller, with real rows behind it; what is expected is read from the doors themselves.

A new URL without parameters is walked by itself. One with parameters needs a line in ``BEHIND``.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone
from django.utils.http import int_to_base36

from captures.models import Capture, Export, Forecast
from captures.picture_urls import picture_url
from captures.storage import thumbnail_key
from devices.models import Device
from devices.services.commands import queue_command
from devices.services.schedules import add_schedule
from orgs.ids import uuid7
from orgs.models import ApiToken, Membership, Organization, Role, User
from orgs.services.invitations import invite
from orgs.services.logins import log_in
from orgs.services.ownership import offer_ownership
from orgs.services.tokens import create_token
from sharing.models import LinkKind
from tests.builders import (
    PASSWORD,
    logged_in,
    make_capture,
    make_definition,
    make_device,
    make_evaluation,
    make_jpeg,
    make_label,
    make_link,
    make_member,
    make_operator,
    make_org,
    owner_of,
)
from visant.permissions import ADMIN, ANYONE, PERSON, Door, doors

pytestmark = pytest.mark.django_db
RANKS = [str(role) for role in reversed(Role)]  # from viewer up
MEMBERS = ("viewer", "member", "admin", "owner")


class Caller(NamedTuple):
    """What a caller shows: a session's cookies on pages, an access token or a key on the API."""

    cookies: SimpleCookie
    headers: dict[str, str]


class World:
    """An organization with a row behind every door, and all who may come to it."""

    def __init__(self) -> None:
        self.org = make_org("Secretive")
        self.device, self.key = make_device(self.org, "Hidden gate")
        self.capture = self.pictured(self.device)
        make_definition(self.device, text="Unmentionable.")
        make_label(self.capture)
        make_evaluation(self.capture, reason="Unmentionable.")
        queue_command(device=self.device, trigger_type="manual", trigger_id="unmentionable")
        self.schedule = add_schedule(
            device=self.device, label="Unmentionable.", interval_seconds=600, acting_user=None
        )
        self.other_device, _ = make_device(self.org, "Other gate")
        self.pictured(self.other_device)
        self.stranger = make_org("Stranger")
        _, strange_key = make_device(self.stranger, "Strange gate")
        people = {role: make_member(self.org, Role(role)) for role in ("viewer", "member", "admin")}
        people |= {"owner": owner_of(self.org), "outsider": owner_of(self.stranger)}
        people |= {"limited": make_member(self.org, Role.MEMBER), "expired": make_member(self.org, Role.ADMIN)}
        self.people: dict[str, User] = people
        self.limit(people["limited"], camera_ids=[str(self.other_device.pk)])
        inviting = {"acting_membership": self.membership("owner"), "role": Role.VIEWER}
        self.invitation, _ = invite(**inviting, email="unmentionable@example.org")
        _, self.link = invite(**inviting)
        everything = {"download_allowed": True, "picture_in_preview": True}
        self.shared = make_link(
            self.capture, LinkKind.DEVICE, embed_origins=["https://www.example.org"], **everything
        )
        self.link_of_member = make_link(self.capture, created_by=people["member"])
        self.tokens = {
            name: create_token(
                membership=self.membership(name), name=f"Token of {name}", access=ApiToken.Access.WRITE
            )
            for name in people
        }
        self.transfer = offer_ownership(
            membership=self.membership("admin"), acting_membership=self.membership("owner")
        )
        self.export, self.forecast = self.exported(), self.foreseen()
        self.callers = {name: self.person(name) for name in people}
        self.callers["anonymous"] = Caller(SimpleCookie(), {})
        self.callers["device"] = Caller(SimpleCookie(), {"X-API-Key": self.key})
        self.callers["device of another"] = Caller(SimpleCookie(), {"X-API-Key": strange_key})
        self.limit(people["expired"], valid_until=timezone.now() - timedelta(seconds=1))

    def exported(self) -> Export:
        key = default_storage.save(f"{self.org.pk}/exports/unmentionable.zip", ContentFile(b"Unmentionable."))
        days = {"finished_at": timezone.now(), "expires_at": timezone.now() + timedelta(days=1)}
        return Export.unscoped.create(org=self.org, storage_key=key, byte_size=14, **days)

    def foreseen(self) -> Forecast:
        question = {"rules": {}, "most_days": None, "device": ""}
        return Forecast.unscoped.create(org=self.org, key="1", question=question, at=timezone.now())

    def membership(self, name: str) -> Membership:
        return self.people[name].memberships.get()

    def limit(self, user: User, **fields: Any) -> None:
        Membership.unscoped.filter(user=user).update(**fields)

    def person(self, name: str) -> Caller:
        user = self.people[name]
        login = log_in(email=user.email, password=PASSWORD)
        return Caller(logged_in(user).cookies, {"Authorization": f"Bearer {login.access}"})

    def pictured(self, device: Device) -> Capture:
        capture = make_capture(device, verdict="abnormal", reason="Unmentionable.")
        key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(make_jpeg()))
        Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
        return capture

    @property
    def unmentionable(self) -> list[bytes]:
        """What nobody may read who may not see the organization."""
        rows = (self.org, self.device, self.capture, self.invitation, self.transfer, *self.org.devices.all())
        texts = [self.org.name, self.org.slug, self.device.name, "Unmentionable", "unmentionable@"]
        texts += [self.capture.record_id, owner_of(self.org).email, self.people["admin"].email]
        return [text.encode() for text in [*texts, *(str(row.pk) for row in rows)]]


class Behind(NamedTuple):
    """What stands behind a door: the parameters of its URL, and for whom it is not as its role says.

    ``camera``: it belongs to a camera, which a limited member does not see. ``only``: a person's own, which the
    organization's other members do not see either. ``open``: whoever holds the link may look. ``data``:
    what is sent along. ``instead``: what
    those who may come in are answered to a method, because there is nothing further. ``otherwise``: what a caller
    is answered, or a method of theirs.
    """

    parameters: Callable[[World], dict[str, object]]
    camera: bool = False
    only: str = ""
    open: bool = False
    data: Callable[[World], dict[str, object]] = lambda world: {}
    instead: dict[str, str] = {}
    otherwise: dict[str, str] = {}


def of_camera(world: World) -> dict[str, object]:
    return {
        "pk": world.device.pk,
        "name": world.device.pk,
        "key_pk": world.device.keys.get().pk,
        "trigger_id": "unmentionable",
        "schedule_pk": world.schedule.pk,
    }


def of_capture(world: World) -> dict[str, object]:
    return {"pk": world.capture.pk, "name": world.capture.pk}


def of_signed_picture(world: World) -> dict[str, object]:
    _, _, signature, ends, key = picture_url(world.capture.storage_key).split("/", 4)
    return {"signature": signature, "ends": ends, "key": key}


def of_upload(world: World) -> dict[str, object]:
    return {"pk": uuid7()}


def of_member(world: World) -> dict[str, object]:
    return {"pk": world.membership("viewer").pk}


def of_invitation(world: World) -> dict[str, object]:
    return {"pk": world.invitation.pk}


def of_transfer(world: World) -> dict[str, object]:
    return {"pk": world.transfer.pk}


def of_token(world: World) -> dict[str, object]:
    return {"pk": world.tokens["member"][0].pk}


def fixed(**parameters: object) -> Callable[[World], dict[str, object]]:
    return lambda world: parameters


def for_people(*methods: str) -> dict[str, str]:
    """Cameras are known there, and may do other things, but not these."""
    return {f"{method} {caller}": "403" for method in methods for caller in ("device", "device of another")}


def of_link(world: World) -> dict[str, object]:
    return {"token": world.shared.token}


ABSENT = {"GET": "404", "POST": "404"}
CAMERA = Behind(of_camera, camera=True)
CAPTURE = Behind(of_capture, camera=True)
DAY = Behind(lambda world: {**of_camera(world), "day": timezone.localdate()}, camera=True)
TOKEN = Behind(of_token, only="member")
LINK = Behind(of_link, open=True)
# Admins see all links, other members their own of cameras that they see.
MADE_BY_MEMBER = Behind(lambda world: {"token": world.link_of_member.token}, otherwise={"limited": "404"})
LINK_PAGE = Behind(lambda world: {"pk": world.link_of_member.pk}, otherwise={"limited": "404"})
SHARED_PICTURE = Behind(lambda world: {**of_link(world), "pk": world.capture.pk}, open=True)
# Only a camera's key is asked for; what a person shows is none.
OF_CAMERA_ALONE = Behind(
    of_camera,
    otherwise={"device of another": "403"} | dict.fromkeys([*MEMBERS, "limited", "expired", "outsider"], "401"),
)
BEHIND = {
    "/captures/{pk}": CAPTURE,
    "/captures/{pk}/delete": CAPTURE,
    "/captures/{pk}/hold": CAPTURE,
    "/captures/{pk}/image": CAPTURE,
    "/captures/{pk}/label": CAPTURE,
    "/captures/{pk}/live": CAPTURE,
    "/captures/{pk}/release": CAPTURE,
    "/captures/{pk}/share": CAPTURE,
    "/captures/{pk}/share/preview": CAPTURE,
    "/captures/{pk}/thumbnail": CAPTURE,
    "/pictures/{signature}/{ends}/{key}": Behind(of_signed_picture, open=True),
    "/cameras/{pk}": CAMERA,
    "/cameras/{pk}/audit": CAMERA,
    "/cameras/{pk}/configuration": CAMERA,
    "/cameras/{pk}/calendar": CAMERA,
    "/cameras/{pk}/calendar.csv": CAMERA,
    "/cameras/{pk}/calendar/{day}": DAY,
    "/cameras/{pk}/condition": CAMERA,
    "/cameras/{pk}/definition": CAMERA,
    "/cameras/{pk}/keys": CAMERA,
    "/cameras/{pk}/keys/{key_pk}/revoke": CAMERA,
    "/cameras/{pk}/keys/{key_pk}/rotate": CAMERA,
    "/cameras/{pk}/learn-again": CAMERA,
    "/cameras/{pk}/rename": CAMERA,
    "/cameras/{pk}/retention": CAMERA,
    "/cameras/{pk}/retention/remove": CAMERA,
    "/cameras/{pk}/schedules": CAMERA,
    "/cameras/{pk}/schedules/add": CAMERA,
    "/cameras/{pk}/schedules/preview": CAMERA,
    "/cameras/{pk}/schedules/{schedule_pk}": CAMERA,
    "/cameras/{pk}/schedules/{schedule_pk}/remove": CAMERA,
    "/cameras/{pk}/schedules/{schedule_pk}/switch": CAMERA,
    "/cameras/{pk}/service/{step}": Behind(lambda world: {"pk": world.device.pk, "step": "suspend"}, camera=True),
    "/cameras/{pk}/settings": CAMERA,
    "/cameras/{pk}/share": CAMERA,
    "/cameras/{pk}/share/preview": CAMERA,
    "/cameras/{pk}/told": CAMERA,
    "/cameras/{pk}/trigger": CAMERA,
    "/organization/people/{pk}": Behind(of_member),
    "/organization/people/{pk}/remove": Behind(of_member),
    "/organization/invitations/{pk}/resend": Behind(of_invitation),
    "/organization/invitations/{pk}/revoke": Behind(of_invitation),
    "/organization/leaving/exports/{pk}": Behind(lambda world: {"pk": world.export.pk}),
    "/organization/transfer/{pk}/accept": Behind(  # the receiver is the admin
        of_transfer, otherwise=dict.fromkeys(["viewer", "member", "owner", "limited"], "403")
    ),
    "/organization/transfer/{pk}/cancel": Behind(
        of_transfer, otherwise=dict.fromkeys(["viewer", "member", "limited"], "403")
    ),
    "/organizations/switch": Behind(
        lambda world: {},
        data=lambda world: {"organization": world.org.pk},
        otherwise={"outsider": "404", "expired": "404"},
    ),
    "/account/tokens/{pk}/rename": TOKEN,
    "/account/tokens/{pk}/revoke": TOKEN,
    "/account/email/verify/{key}": Behind(fixed(key="nothing"), open=True, instead={"POST": "404"}),
    "/account/password/new/{uidb36}-{key}": Behind(fixed(uidb36=int_to_base36(1), key="set-password"), open=True),
    "/join/{token}": Behind(lambda world: {"token": world.link}, open=True),
    "/api/s/{token}": Behind(of_link, open=True, data=lambda world: {"password": ""}),
    "/sharing/{pk}": LINK_PAGE,
    "/sharing/{pk}/change": LINK_PAGE,
    "/sharing/{pk}/change/preview": LINK_PAGE,
    "/sharing/{pk}/qrcode.png": LINK_PAGE,
    "/sharing/{pk}/qrcode.svg": LINK_PAGE,
    "/sharing/{pk}/sign": LINK_PAGE,
    "/sharing/{pk}/take-back": LINK_PAGE,
    "/s/{token}": LINK,
    "/s/{token}/embed": LINK,
    "/s/{token}/latest.jpg": LINK,
    "/s/{token}/pictures/{pk}": SHARED_PICTURE,
    "/s/{token}/pictures/{pk}/image": SHARED_PICTURE,
    "/s/{token}/pictures/{pk}/original": SHARED_PICTURE,
    "/s/{token}/pictures/{pk}/thumbnail": SHARED_PICTURE,
    "/s/{token}/preview.jpg": LINK,
    "/s/{token}/report": LINK,
    "/s/{token}/view": LINK,
    "/v1/captures/{name}": Behind(of_capture, camera=True, otherwise=for_people("DELETE")),
    "/v1/captures/{name}/hold": Behind(of_capture, camera=True, otherwise=for_people("PUT", "DELETE")),
    "/v1/captures/{name}/image": CAPTURE,
    "/v1/captures/{name}/status": CAPTURE,
    "/v1/captures/{pk}/complete": Behind(
        of_upload,
        otherwise={"device of another": "404"},
        instead={"POST": "404"},  # nothing is offered where there is no bucket, and so nothing begun
    ),
    "/v1/captures/{name}/thumbnail": CAPTURE,
    "/v1/devices/{name}": CAMERA,
    "/v1/devices/{name}/calendar": CAMERA,
    "/v1/devices/{name}/calendar/{day}": DAY,
    "/v1/devices/{name}/commands": OF_CAMERA_ALONE,
    "/v1/devices/{name}/commands/{trigger_id}": CAMERA,
    "/v1/devices/{name}/commands/{trigger_id}/ack": OF_CAMERA_ALONE,
    "/v1/devices/{name}/config": Behind(of_camera, camera=True, otherwise={"device of another": "403"}),
    "/v1/devices/{name}/heartbeat": OF_CAMERA_ALONE,
    "/v1/devices/{name}/keys": CAMERA,
    "/v1/devices/{name}/keys/{key_pk}": CAMERA,
    "/v1/devices/{name}/keys/{key_pk}/rotate": CAMERA,
    "/v1/devices/{name}/reinstate": CAMERA,
    "/v1/devices/{name}/resume": CAMERA,
    "/v1/devices/{name}/retention": CAMERA,
    "/v1/devices/{name}/retention/preview": CAMERA,
    "/v1/devices/{name}/retire": CAMERA,
    "/v1/devices/{name}/schedules": CAMERA,
    "/v1/devices/{name}/schedules/preview": CAMERA,
    "/v1/devices/{name}/schedules/{schedule_pk}": CAMERA,
    "/v1/devices/{name}/share": Behind(of_camera, camera=True, data=lambda world: {"share_type": "device"}),
    "/v1/devices/{name}/suspend": CAMERA,
    "/v1/devices/{name}/trigger": CAMERA,
    "/v1/retention/forecasts/{pk}": Behind(lambda world: {"pk": world.forecast.pk}),
    "/v1/orgs/current/members/{pk}": Behind(  # the viewer leaves
        of_member, otherwise=dict.fromkeys(["DELETE member", "DELETE limited"], "403")
    ),
    "/v1/orgs/current/invitations/{pk}": Behind(of_invitation),
    "/v1/share-links/{token}": MADE_BY_MEMBER,
    "/v1/share-links/{token}/qrcode": MADE_BY_MEMBER,
    "/v1/tokens/{pk}": TOKEN,
    # There is no such provider here; the page for a failed login says 401 to whoever sees it.
    "/login/{provider_id}": Behind(fixed(provider_id="nobody"), instead=ABSENT),
    "/login/{provider_id}/back": Behind(fixed(provider_id="nobody"), instead=ABSENT),
    # None of them has a second factor.
    "/account/mfa/app/remove": Behind(fixed(), instead=ABSENT),
    "/account/mfa/codes": Behind(fixed(), instead=ABSENT),
    "/account/mfa/codes.txt": Behind(fixed(), instead=ABSENT),
    # The token of the metrics is nobody's here.
    "/metrics": Behind(fixed(), instead=ABSENT),
    "/login/sso/failed": Behind(fixed(), instead={"GET": "401"}),
}
NOTHING_BEHIND = Behind(fixed())


def walked() -> list[tuple[Door, str]]:
    """Every door with the template of its path; of the admin, its index and a list."""
    found = [(door, door.path) for door in doors() if door.path != ADMIN]
    found += [(door, path) for door in doors() if door.path == ADMIN for path in ("/admin/", "/admin/orgs/user/")]
    return found


def test_every_url_states_who_may_enter_and_has_rows_behind_it():
    with_parameters = {path for _, path in walked() if "{" in path}
    assert with_parameters == {path for path in BEHIND if "{" in path}


# --- what must come of it


def expected(door: Door, path: str, caller: str) -> str:
    """``in``, ``login`` (a page sends there), ``401``, ``403`` or ``404``."""
    behind = BEHIND.get(path, NOTHING_BEHIND)
    for exception in (caller, f"{door.method} {caller}"):
        if exception in behind.otherwise:
            return behind.otherwise[exception]
    is_api = path.startswith("/v1/")
    judged = _of_device if caller.startswith("device") or caller == "anonymous" else _of_person
    wanted = judged(door, behind, caller, is_api, has_rows="{" in path)
    return behind.instead.get(door.method, "in") if wanted == "in" else wanted


def _of_device(door: Door, behind: Behind, caller: str, is_api: bool, has_rows: bool) -> str:
    if door.who == ANYONE:
        return "in"
    if not is_api:
        return "login"
    if caller == "anonymous" or "device" not in door.who:
        return "401"
    return "404" if has_rows and caller == "device of another" else "in"


def _of_person(door: Door, behind: Behind, caller: str, is_api: bool, has_rows: bool) -> str:
    if door.who == ANYONE:
        return "in"
    if door.who == "operator":
        return "login"
    if caller == "expired" and is_api:
        return "401"  # its token ended with the membership
    if door.who == PERSON:
        return "in"
    if door.who == "device" or caller == "expired":
        return "403"
    if caller == "outsider":
        return "404" if has_rows else "in"
    if RANKS.index("member" if caller == "limited" else caller) < RANKS.index(door.who.split(", ")[-1]):
        return "403"
    if (caller == "limited" and behind.camera) or (behind.only and caller != behind.only):
        return "404"
    return "in"


# --- what comes of it


def ask(world: World, door: Door, path: str, caller: Caller) -> tuple[str, bytes]:
    """Knock once, and undo whatever was done."""
    client = Client(raise_request_exception=False)
    client.cookies = SimpleCookie(caller.cookies)
    behind = BEHIND.get(path, NOTHING_BEHIND)
    address = path.format(**behind.parameters(world))
    as_json = (
        {"content_type": "application/json"} if path.startswith(("/v1/", "/api/")) and door.method != "GET" else {}
    )
    with transaction.atomic():
        knock = getattr(client, door.method.lower())
        answer = knock(address, behind.data(world), headers=caller.headers, **as_json)
        body = answer.getvalue() if not answer.streaming else b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    return outcome(answer), body


def outcome(answer: HttpResponseBase) -> str:
    if answer.status_code in (301, 302) and "/login?next=" in answer["Location"].replace("/login/?", "/login?"):
        return "login"
    if answer.status_code >= 500 or answer.status_code in (401, 403, 404, 429):
        return str(answer.status_code)
    return "in"


BLIND = ("anonymous", "outsider", "expired", "device of another")


@pytest.fixture
def world(settings, monkeypatch) -> Iterator[World]:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "off")
    settings.ACCOUNT_RATE_LIMITS = False
    with transaction.atomic():
        yield World()


def test_every_door_answers_every_caller_as_its_role_says(world):
    """Outsiders see 404, too small a role is 403; and in no answer to them stands anything of ours."""
    wrong, secrets = [], world.unmentionable
    for door, path in walked():
        behind = BEHIND.get(path, NOTHING_BEHIND)
        for name, caller in world.callers.items():
            found, body = ask(world, door, path, caller)
            if found != (wanted := expected(door, path, name)):
                wrong.append(f"{door.method} {path} by {name}: {found}, not {wanted}")
            if name in BLIND and not behind.open and (leaked := [text for text in secrets if text in body]):
                wrong.append(f"{door.method} {path} tells {name}: {leaked}")
    if wrong:
        pytest.fail("\n".join(wrong))


def test_a_personal_token_opens_what_its_person_may_read(world):
    wrong = []
    for door, path in walked():
        if not path.startswith("/v1/") or door.method != "GET":
            continue
        for name in world.people:
            shown = Caller(SimpleCookie(), {"Authorization": f"Bearer {world.tokens[name][1]}"})
            found, body = ask(world, door, path, shown)
            if found != (wanted := expected(door, path, name)):
                wrong.append(f"{door.method} {path} by the token of {name}: {found}, not {wanted}")
            if name in BLIND and any(text in body for text in world.unmentionable):
                wrong.append(f"{door.method} {path} tells the token of {name}")
    assert wrong == []


def test_the_walk_would_see_what_leaks(world):
    """What it looks for does stand in the answers to whom it may be shown."""
    shown = partial(ask, world, caller=world.callers["owner"])
    door = {(door.path, door.method): door for door in doors()}
    for path in ("/", "/cameras", "/cameras/{pk}", "/captures/{pk}", "/v1/captures", "/v1/devices"):
        found, body = shown(door=door[path, "GET"], path=path)
        assert found == "in"
        assert [text for text in world.unmentionable if text in body] != []


def test_operators_and_only_they_enter_the_admin(world):
    client = logged_in(make_operator())
    assert client.get("/admin/").status_code == 200
    assert world.org.name in client.get("/admin/orgs/organization/").content.decode()
    assert Organization.objects.count() == 2
