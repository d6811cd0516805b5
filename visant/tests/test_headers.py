"""What every answer tells browsers, and that no form is taken without its proof of origin."""

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, get_resolver, path
from rest_framework.views import APIView

from orgs.models import User
from tests.builders import PASSWORD, make_operator, make_org, owner_of
from visant import urls


def failing(request):
    raise ZeroDivisionError


failing.login_required = False
urlpatterns = [path("fail", failing), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
ANSWERS = {
    "a page": ("/login", 200),
    "a redirect": ("/cameras", 302),
    "an answer of the API": ("/v1/schema", 200),
    "a problem": ("/v1/captures", 401),
    "the API's page": ("/v1/docs", 200),
    "nothing": ("/nowhere", 404),
    "a bug": ("/fail", 500),
    "a static file": ("/static/app.css", 200),
    "the admin": ("/admin/login/", 302),
    "health": ("/healthz", 200),
}


@pytest.fixture
def _https(settings, tmp_path):
    """As behind a server that ends TLS, with static files served by ourselves."""
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.STATIC_ROOT = tmp_path / "static"
    call_command("collectstatic", interactive=False, verbosity=0)
    assert staticfiles_storage.url("app.css") == "/static/app.css"


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.usefixtures("_https")
@pytest.mark.parametrize("what", ANSWERS)
def test_every_kind_of_answer_has_the_headers_that_protect(what):
    address, status = ANSWERS[what]
    answer = Client(raise_request_exception=False).get(address, secure=True)
    assert answer.status_code == status
    headers = answer.headers
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    assert policy == POLICY
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(headers["Permissions-Policy"].split(", "))
    assert headers["X-Request-ID"]


@pytest.mark.django_db
def test_no_script_can_read_a_cookie_and_no_other_site_can_send_one():
    owner = owner_of(make_org())
    client = Client()
    client.get("/login")
    client.post("/login", {"login": owner.email, "password": PASSWORD})
    cookies = {name: cookie for name, cookie in client.cookies.items() if name != "messages"}
    assert {"sessionid", "csrftoken"} <= set(cookies)
    assert {(bool(cookie["httponly"]), cookie["samesite"]) for cookie in cookies.values()} == {(True, "Lax")}
    assert client.cookies["sessionid"]["max-age"] == 14 * 24 * 60 * 60


@pytest.mark.urls(__name__)
def test_an_error_page_shows_the_id_that_stands_in_the_log():
    answer = Client(raise_request_exception=False).get("/fail")
    assert answer.headers["X-Request-ID"] in answer.text


# --- forms


def pages(patterns=None, prefix: str = "") -> dict[str, URLPattern]:
    """Every URL that is no door of the API, with something in place of its parameters."""
    found: dict[str, URLPattern] = {}
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found[route] = pattern
        else:
            found |= pages(pattern.url_patterns, route)
    return {route: pattern for route, pattern in found.items() if not route.startswith(("v1/", "api/"))}


SAMPLES = {
    "<uuid:": "0192f0c5-0000-7000-8000-000000000000",
    "<slug:": "x",
    "<str:": "x",
    "<path:": "x",
    "<int:": "1",
}


def sample(route: str) -> str | None:
    """Fill in the parameters; None for a route by regular expression that is not a plain path."""
    if route.startswith("^") or "(?P" in route or "\\" in route:
        return {"account/password/new/": "/account/password/new/1-abc"}.get(route.split("(")[0].replace("^", ""))
    for kind, value in SAMPLES.items():
        while kind in route:
            before, _, rest = route.partition(kind)
            route = before + value + rest.partition(">")[2]
    return f"/{route}"


# What a page may be sent without its proof of origin, and why.
WITHOUT_PROOF = {
    "/s/x/view": "counts a view, also from a frame without cookies; the browser says where it comes from",
    **dict.fromkeys(
        (
            *("/s/x", "/s/x/embed", "/s/x/latest.jpg"),
            *(f"/s/x/pictures/0192f0c5-0000-7000-8000-000000000000{part}" for part in ("", "/image", "/original")),
        ),
        "takes the password of a link, which is the proof; there is no session that another site could act by",
    ),
}


@pytest.mark.django_db
def test_no_page_takes_a_form_without_its_proof_of_origin():
    person = make_operator()
    people = [owner_of(make_org()), person]
    addresses = {address for address in map(sample, pages()) if address}
    assert {"/login", "/signup", "/cameras/add", "/account/password/new/1-abc"} <= addresses
    assert len(addresses) > 60
    addresses -= WITHOUT_PROOF.keys()
    for user in [None, *people]:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        if user:
            client.force_login(user)
        taken = {address: client.post(address).status_code for address in addresses}
        assert {address: status for address, status in taken.items() if status != 403} == {}
    assert User.objects.count() == 2


def test_only_the_api_is_free_of_the_proof_and_it_takes_no_cookies():
    exempt = [route for route, found in pages().items() if getattr(found.callback, "csrf_exempt", False)]
    assert set(map(sample, exempt)) == set(WITHOUT_PROOF)
    views = [
        view
        for view in all_subclasses(APIView)
        if view.__module__.split(".")[0] in ("orgs", "devices", "captures", "sharing")
    ]
    ways = {way.__name__ for view in views for way in view.authentication_classes}
    assert ways <= {"DeviceKeyAuthentication", "PersonAuthentication", "DeviceOrPersonAuthentication"}


def all_subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from all_subclasses(one)


@pytest.mark.django_db
def test_a_form_without_its_proof_is_told_what_to_do():
    answer = Client(enforce_csrf_checks=True).post("/login", {"login": "a@example.org"})
    assert answer.status_code == 403
    assert "load the page anew" in answer.text
    assert "<style" not in answer.text


def test_the_session_ends_after_two_weeks():
    assert django_settings.SESSION_COOKIE_AGE == 14 * 24 * 60 * 60
