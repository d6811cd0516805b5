"""Which doors count how often they are tried. Uploads and wrong keys are counted where they are understood:
``captures/api/throttles.py``, ``orgs/ratelimits.py``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from orgs.errors import TooManyRequests
from orgs.ratelimits import count, count_by_address
from visant.errors import error_page, problem_response

LOGIN = ("login_address", "login_account")
SIGNUP = ("signup_address", "signup_account")
RESET = ("reset_address", "reset_account")
# By the names of URLs: the limits that a POST counts for, before the view looks at anything; so a right guess
# beyond the limit is not told from a wrong one.
TRIED = {
    "account_login": LOGIN,
    "mfa_authenticate": LOGIN,
    "account_signup": SIGNUP,
    "account_reset_password": RESET,
    "account_reset_password_from_key": RESET,
    "auth-login": LOGIN,
    "auth-signup": SIGNUP,
    "auth-forgot-password": RESET,
    "auth-reset-password": RESET,
    "auth-change-password": LOGIN,
    "join": ("invitation_account",),
}
# Doors behind a link or a token that is a key by itself: the status that says it is none, and the limit that
# counts it. Beyond it, 429 is answered instead. A link that has expired has another status and says so however
# often it is opened, and a good one always opens, whatever others try from the same address.
GUESSED = {"join": (404, "invitation_address"), "auth-refresh": (401, "secret_address")}
# What a login, a sign-up or a reset may call the account it is about.
ACCOUNT_FIELDS = ("email", "login", "username", "uidb36")
RETRY_AFTER_SECONDS = 60


class RateLimitMiddleware:
    """Answers 429 with ``Retry-After`` to who tries a door too often; to a person as a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 429 and "Retry-After" not in response:  # as of a library's own limits
            sentence = "Too often; try again in a minute."
            return _refuse(request, TooManyRequests(sentence, retry_after=RETRY_AFTER_SECONDS))
        status, limit = GUESSED.get(_name_of(request), (0, ""))
        if response.status_code == status:
            return _refuse_beyond(request, [limit]) or response
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        limits = TRIED.get(_name_of(request), ()) if request.method == "POST" else ()
        return _refuse_beyond(request, limits, account=_account_of(request, kwargs) if limits else "")


def _name_of(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.url_name or "") if match else ""


def _account_of(request: HttpRequest, kwargs: Mapping[str, Any]) -> str:
    """The account the caller is or claims to be, in one spelling; empty if none is named."""
    if request.user.is_authenticated:
        return str(request.user.pk)
    fields: Mapping[str, Any] = {**request.POST.dict(), **kwargs}
    if request.content_type == "application/json":
        fields = _json_object(request.body)
    named = (fields.get(name) for name in ACCOUNT_FIELDS)
    return next((text.strip().lower() for text in named if isinstance(text, str) and text.strip()), "")


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _refuse_beyond(request: HttpRequest, limits: Sequence[str], account: str = "") -> HttpResponse | None:
    """Count one try for each of ``limits``; return the answer if that was one too many."""
    try:
        for limit in limits:
            if limit.endswith("_address"):
                count_by_address(limit)
            elif account:
                count(limit, account)
    except TooManyRequests as refusal:
        return _refuse(request, refusal)
    return None


def _refuse(request: HttpRequest, refusal: TooManyRequests) -> HttpResponse:
    return error_page(request, problem_response(refusal))
