"""Which doors count how often they are tried. Uploads and wrong keys are counted where they are understood:
``captures/api/throttles.py``, ``orgs/ratelimits.py``.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from orgs.errors import TooManyRequests
from orgs.ratelimits import count, count_by_address
from visant.bodies import SMALL_BYTES
from visant.errors import error_page, problem_response

Account = Callable[[HttpRequest, Mapping[str, Any]], object]


def _sent(name: str) -> Account:
    """The one field of a form that the page's view reads the account from."""
    return lambda request, _: request.POST.get(name)


def _sent_as_json(name: str) -> Account:
    """The same of a door of the API; whatever the body calls itself, it is read as the view would."""
    return lambda request, _: _json_object(request.body).get(name)


def _person(request: HttpRequest, _: Mapping[str, Any]) -> object:
    return str(request.user.pk or "")


def _asked_for_code(request: HttpRequest, _: Mapping[str, Any]) -> object:
    """Who has given a right password and is to give a code, as django-allauth keeps it in the session."""
    login = request.session.get(LOGIN_SESSION_KEY)
    return login.get("user_pk") if isinstance(login, dict) else ""


# By the names of URLs: what a POST counts as, before the view looks at anything; so a right guess beyond the limit
# is not told from a wrong one. Each door has one place that names the account, the one its view goes by: with two,
# a stranger fills the other with something new each time. None: only the service knows the account, and counts it.
TRIED: dict[str, tuple[str, Account | None]] = {
    "account_login": ("login", _sent("login")),
    "mfa_authenticate": ("login", _asked_for_code),
    "account_signup": ("signup", _sent("email")),
    "account_reset_password": ("reset", _sent("email")),
    "account_reset_password_from_key": ("reset", lambda _, kwargs: kwargs["uidb36"]),
    "auth-login": ("login", _sent_as_json("email")),
    "auth-signup": ("signup", _sent_as_json("email")),
    "auth-forgot-password": ("reset", _sent_as_json("email")),
    "auth-reset-password": ("reset", None),
    "auth-change-password": ("login", None),
}
# The same of doors where only the account counts: a good link opens, whatever others try from the same address.
ACCEPTED: dict[str, tuple[str, Account]] = {"join": ("invitation", _person)}
OF_LINKS = [
    "share",
    "share-picture",
    "share-image",
    "share-thumbnail",
    "share-original",
    "share-latest",
    "share-preview",
    "share-embed",
    "share-view",
    "share-report",
    "api-share",
]
# Doors behind a link or a token that is a key by itself: the status that says it is none, and the limit that
# counts it. Beyond it, 429 is answered instead. A link that has expired has another status and says so however
# often it is opened, and a good one always opens, whatever others try from the same address.
GUESSED = {
    "join": (404, "invitation_address"),
    "auth-refresh": (401, "secret_address"),
    **dict.fromkeys(OF_LINKS, (404, "share_address")),
}


class SmallBodyMiddleware:
    """Refuses what is far too large for a door that anybody may try. To stand before all that read bodies.

    Up to this size a body is there before its request has a thread (visant/bodies.py): nobody keeps one there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        name = _name_of(request)
        if (name in TRIED or name in ACCEPTED or name in GUESSED) and _length_of(request) > SMALL_BYTES:
            return _refuse(request, RequestDataTooBig())
        return None


class RateLimitMiddleware:
    """Answers 429 with ``Retry-After`` to who tries a door too often; to a person as a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        status, limit = GUESSED.get(_name_of(request), (0, ""))
        # Of a link that is there, what it does not show is no guess.
        if response.status_code == status and not getattr(request, "named_link", None):
            try:
                count_by_address(limit)
            except TooManyRequests as refusal:
                return _refuse(request, refusal)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if request.method != "POST":
            return None
        try:
            _count_try(request, kwargs)
        except (TooManyRequests, UnreadablePostError) as refusal:
            return _refuse(request, refusal)
        return None


def _count_try(request: HttpRequest, kwargs: Mapping[str, Any]) -> None:
    name = _name_of(request)
    kind, account = TRIED.get(name) or ACCEPTED.get(name) or ("", None)
    if name in TRIED:
        count_by_address(f"{kind}_address")
    claimed = _in_one_spelling(account(request, kwargs)) if account else ""
    if claimed:
        count(f"{kind}_account", claimed)


def _length_of(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH", "")
    return int(text) if text.isdigit() else 0


def _name_of(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.url_name or "") if match else ""


def _in_one_spelling(account: object) -> str:
    """As the login takes it: no spaces around, either case. To capitals and back, as a database compares."""
    return account.strip().upper().lower() if isinstance(account, str) else ""


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _refuse(request: HttpRequest, refusal: Exception) -> HttpResponse:
    return error_page(request, problem_response(refusal))
