"""No line of the log holds a secret, whatever went wrong, at the most talkative level."""

import base64
import io
import json
import logging
import logging.config
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import path
from django.utils.http import urlencode
from rest_framework.views import APIView

from captures.picture_urls import picture_url
from orgs.models import ApiToken, Role
from orgs.services.invitations import invite, revoke_invitation
from orgs.services.logins import log_in
from orgs.services.tokens import create_token
from tests.builders import PASSWORD, logged_in, make_device, make_jpeg, make_org, owner_of
from visant import urls
from visant.logs import redacted

KEY = "vis_dev_0123456789_" + "a1B2" * 9 + "xy"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


class Failing(APIView):
    """A bug that tells in its message, its cause and its arguments all that it was given."""

    authentication_classes = []
    permission_classes = []

    def post(self, request, **_):
        shown = request.META.get("HTTP_AUTHORIZATION"), request.META.get("HTTP_X_API_KEY")
        logging.getLogger("some.library").debug(
            "Headers %s for %s", dict(request.headers), request.get_full_path()
        )
        try:
            raise ValueError(f"cannot read {shown} of {request.build_absolute_uri()}")
        except ValueError as error:
            raise RuntimeError({"Authorization": shown, "body": request.data}) from error


urlpatterns = [
    path("v1/fail", Failing.as_view()),
    path("fail/s/<str:token>", Failing.as_view()),
    *urls.urlpatterns,
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@contextmanager
def written_as(formatter: str) -> Iterator[io.StringIO]:
    """The lines that the configured handler writes, at DEBUG."""
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    console = {**django_settings.LOGGING["handlers"]["console"], "formatter": formatter}
    at_debug = {**django_settings.LOGGING["root"], "level": "DEBUG"}
    logging.config.dictConfig({**django_settings.LOGGING, "handlers": {"console": console}, "root": at_debug})
    [handler] = [handler for handler in root.handlers if handler not in kept]
    stream = io.StringIO()
    handler.setStream(stream)
    yield stream
    root.handlers, root.level = kept, level


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with written_as("line") as stream:
        yield stream


@pytest.fixture(params=["line", "json"])
def either_log(request) -> Iterator[io.StringIO]:
    with written_as(request.param) as stream:
        yield stream


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_whole_requests_with_real_secrets_leave_none_in_the_log(either_log):
    secrets = {"the password": PASSWORD}
    client = Client(raise_request_exception=False)
    org = make_org()
    device, camera_key = make_device(org)
    secrets["the camera's key"] = camera_key
    owner = owner_of(org)
    membership = org.memberships.get(role=Role.OWNER)
    _, secrets["the token"] = create_token(membership=membership, name="T", access=ApiToken.Access.READ)
    login = log_in(email=owner.email, password=PASSWORD)
    secrets |= {"the access token": login.access, "the refresh token": login.refresh}
    invitation, secrets["the invitation"] = invite(acting_membership=membership, role=Role.MEMBER)
    basic = base64.b64encode(f"{device.pk}:{camera_key}".encode()).decode()
    secrets["the basic login"] = basic
    page = logged_in(owner)
    secrets["the session"] = page.cookies["sessionid"].value

    # 500s, with every secret in headers, query and body
    for name in ("the camera's key", "the token", "the access token", "the basic login"):
        scheme = "Basic" if name == "the basic login" else "Bearer"
        client.post(
            f"/v1/fail?{urlencode({'key': secrets[name], 'next': '/join/' + secrets['the invitation']})}",
            {"password": PASSWORD, "refresh": secrets["the refresh token"]},
            content_type="application/json",
            headers={"Authorization": f"{scheme} {secrets[name]}", "X-API-Key": secrets["the camera's key"]},
        )
    page.raise_request_exception = False
    page.post(f"/fail/s/{secrets['the invitation']}", {"password": PASSWORD}, content_type="application/json")
    # 401 with a real key that ended, 400, 404 and 410 on links
    client.get("/v1/captures", headers={"Authorization": f"Bearer {secrets['the token']}x"})
    client.post(
        "/v1/captures", make_jpeg(), content_type="image/jpeg", headers={"Authorization": f"Basic {basic}="}
    )
    client.post("/v1/auth/login", {"email": owner.email, "password": PASSWORD}, content_type="application/json")
    client.post(
        "/v1/auth/refresh", {"refresh": secrets["the refresh token"][:-1]}, content_type="application/json"
    )
    client.post("/login", {"login": owner.email, "password": PASSWORD})
    revoke_invitation(invitation=invitation, acting_membership=membership)
    for token in (secrets["the invitation"], f"{secrets['the invitation']}/more", f"{secrets['the invitation']}x"):
        client.get(f"/join/{token}")
        client.get(f"/s/{token}?key={token}")
        client.get("/login", {"next": f"/join/{token}"})

    written = either_log.getvalue()
    assert "Internal Server Error: /v1/fail" in written
    assert "Not Found: /join/…" in written
    assert "RuntimeError" in written
    assert written.count("some.library") == 5
    assert {name: secret for name, secret in secrets.items() if secret in written} == {}


@pytest.mark.django_db
def test_the_link_of_a_forgotten_password_is_not_in_the_log(log, mailoutbox):
    owner = owner_of(make_org())
    client = Client()
    client.post("/account/password/forgotten", {"email": owner.email})
    [mail] = mailoutbox
    link = next(word for word in mail.body.split() if "/account/password/new/" in word)
    path = link.partition("testserver")[2]
    client.post(path, {"password1": "x", "password2": "y"})
    client.get(f"{path}-and-more/gone")
    token = path.rpartition("/")[2].partition("-")[2]
    assert len(token) > 20
    assert "/account/password/new/…" in log.getvalue()
    assert token not in log.getvalue()


def test_every_line_tells_its_request(log):
    answer = Client().get("/nowhere")
    [line] = [line for line in log.getvalue().splitlines() if "Not Found" in line]
    assert f" WARNING django.request {answer.headers['X-Request-ID']} Not Found: /nowhere" in line
    logging.getLogger("a.worker").warning("Judged.")
    assert log.getvalue().splitlines()[-1].endswith("WARNING a.worker - Judged.")


def test_a_line_of_json_tells_the_same_to_programs():
    with written_as("json") as log:
        answer = Client().get("/nowhere")
        try:
            raise ValueError('{"password": "open sesame"}')
        except ValueError:
            logging.getLogger("a.worker").exception("It broke\nin two lines.")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [request] = [line for line in lines if line["logger"] == "django.request"]
    assert request.pop("time").endswith("+00:00")
    assert request == {
        "level": "WARNING",
        "logger": "django.request",
        "process": os.getpid(),
        "request_id": answer.headers["X-Request-ID"],
        "message": "Not Found: /nowhere",
    }
    broken = lines[-1]
    assert (broken["message"], "request_id" in broken) == ("It broke\nin two lines.", False)
    assert broken["exception"].splitlines()[-1] == 'ValueError: {"password": …}'


def test_no_logger_has_a_way_past_the_formatter(log):
    own = {
        name: logger.handlers
        for name, logger in logging.root.manager.loggerDict.items()
        if any(not isinstance(handler, logging.NullHandler) for handler in getattr(logger, "handlers", []))
        and name.split(".")[0] != "_pytest"
    }
    assert own == {}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"key {KEY} was shown", "key vis_dev_0123456789_… was shown"),
        (f"half of it: {KEY[:25]}", "half of it: vis_dev_0123456789_…"),
        ("mistyped vis_usr_abc", "mistyped vis_usr_…"),
        (f"token {JWT}!", "token eyJ…!"),
        (f"Authorization: Bearer {KEY}", "Authorization: …"),
        ("{'Authorization': 'Basic ZGV2OmtleQ=='}", "{'Authorization': …"),
        ("sent Basic ZGV2OmtleQ== there", "sent Basic … there"),
        ("HTTP_X_API_KEY=abc", "HTTP_X_API_KEY=…"),
        ("GET /x?key=abc&limit=5", "GET /x?key=…&limit=5"),
        ("GET /x?limit=5&token=abc", "GET /x?limit=5&token=…"),
        ('{"email": "a@b.c", "password": "open sesame"}', '{"email": "a@b.c", "password": …}'),
        ("{'new_password': 'open sesame'}", "{'new_password': …}"),
        ("/join/AbC-d_e?x=1", "/join/…?x=1"),
        ("/login?next=%2Fjoin%2FAbC&x", "/login?next=%2Fjoin%2F…&x"),
        ("https://h/s/AbC 404", "https://h/s/… 404"),
        ("GET /api/s/AbC?limit=5&visit=WyJh:1w:x-Y_z", "GET /api/s/…?limit=5&visit=…"),
        ("/account/password/new/1a-bcd-0123", "/account/password/new/…"),
        ("/account/email/verify/MQ:abc:def", "/account/email/verify/…"),
        ("sessionid=abcdef123456; x", "sessionid=…; x"),
        ("postgres://visant:pass@db:5432/visant", "postgres://visant:…@db:5432/visant"),
        ('{"current_password": "open sesame", "otp": "123456"}', '{"current_password": …, "otp": …}'),
        ("POST invitation=AbCdEf csrfmiddlewaretoken=abc", "POST invitation=… csrfmiddlewaretoken=…"),
        ("redeemed VISANT-2345-ABCD-WXYZ twice", "redeemed VISANT-… twice"),
        ("visant2345abcdwxyz", "VISANT-…"),
        ("VISANT 2345 ABCD WXYZ", "VISANT-…"),
        ("Not Found: /join/%41bC-d", "Not Found: /join/…"),
        ("/JOIN/AbC", "/JOIN/…"),
        ("//join//AbC", "//join//…"),
        ("/login?next=%252Fjoin%252F%2541bC%253Fx", "/login?next=%252Fjoin%252F…%253Fx"),
        ("Visant must have been here", "Visant must have been here"),
        ("the invitation was accepted", "the invitation was accepted"),
        ("GET /cameras/019a/keys 200", "GET /cameras/019a/keys 200"),
        (
            "Judged 0192 as normal by scene 1: exactly as usual",
            "Judged 0192 as normal by scene 1: exactly as usual",
        ),
    ],
)
def test_what_opens_something_is_taken_out_and_the_rest_stays(text, left):
    assert redacted(text) == left


PIECES = [
    *("/s/", "/s//", "/s", "//", "/join/%", "%2f", "%25", "%2525", "/join/%25", "VISANT-", "visantabcd", "abcd-"),
    *('"otp":"', "invitation=", " otp", ",key'", "vis_a_b_", "eyJ", "bearer ", "cookie ", "a://b:", '" : '),
]


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_line_costs_little_more_than_a_short_one(piece):
    """Nobody keeps a process busy by what it is to log: 200,000 characters, quadratic, would take minutes."""
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    redacted(text)
    assert time.process_time() - began < 2


@pytest.mark.django_db
def test_the_address_of_a_picture_is_not_in_the_log(log):
    url = picture_url("none/x.jpeg")
    signature = url.split("/")[2]
    Client().get(url)
    logging.getLogger("some.library").warning(
        "GET https://s3.example.org/x.jpeg?X-Amz-Date=1&X-Amz-Signature=%s&x=1", signature
    )
    written = log.getvalue()
    assert "Service Unavailable: /pictures/…/" in written
    assert "X-Amz-Signature=…&x=1" in written
    assert signature not in written
