"""From what went wrong to HTTP, once for all doors: ``application/problem+json`` (RFC 9457)."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from rest_framework import exceptions as drf

from orgs import errors, origin

logger = logging.getLogger(__name__)

# The first class that fits gives the status.
STATUSES: list[tuple[type[errors.DomainError], int]] = [
    (errors.NotAuthenticated, 401),
    (errors.NotAllowed, 403),
    (errors.NotThere, 404),
    (errors.Gone, 410),
    (errors.Conflict, 409),
    (errors.TooLarge, 413),
    (errors.UnsupportedType, 415),
    (errors.Invalid, 400),
    (errors.LimitReached, 409),
    (errors.TooManyRequests, 429),
    (errors.Unavailable, 503),
]
DATABASE_DOWN = errors.DATABASE_DOWN
RETRY_AFTER_SECONDS = 5
OF_PROGRAMS = ("/v1/", "/api/")
# Who holds a link has no account: there is nowhere to log in.
OF_VISITORS = "/s/"
# The address, the method or a header is wrong, not the picture: the camera keeps it until that is mended.
NOT_THE_PICTURE: dict[str, Any] = {"retryable": False, "keep_local": True}
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Unsupported type",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    retryable: bool,
    keep_local: bool,
    retry_after: int | None = None,
    told: Mapping[str, str] | None = None,
) -> JsonResponse:
    """Return the answer. ``retryable``: the same request may succeed later; ``keep_local``: hold the picture.

    ``told``: what the refusal says to programs beyond that, by names of its own.
    """
    body = {
        **(told or {}),
        "type": f"urn:visant:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": retryable,
        "keep_local": keep_local,
        "request_id": origin.current().request_id,
    }
    response = JsonResponse(body, status=status, content_type="application/problem+json")
    if status in (429, 503):
        response["Retry-After"] = str(retry_after or RETRY_AFTER_SECONDS)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Visant", Basic realm="Visant"'
    return response


def problem_response(error: Exception, context: Mapping[str, Any] | None = None) -> HttpResponse | None:
    """DRF's exception handler. None (a bug) is raised on, and becomes a 500."""
    if isinstance(error, errors.DomainError):
        return _of_domain_error(error)
    if isinstance(error, DATABASE_DOWN):
        return database_down(error)
    if isinstance(error, drf.APIException):
        return _of_drf_error(error)
    return _of_django_error(error)


def _of_django_error(error: Exception) -> HttpResponse | None:
    if isinstance(error, Http404):
        return problem(404, "not_found", "There is nothing here.", **NOT_THE_PICTURE)
    if isinstance(error, PermissionDenied):
        return problem(403, "not_allowed", str(error), **NOT_THE_PICTURE)
    if isinstance(error, RequestDataTooBig):
        return problem(413, "body_too_large", "That is more than this address takes.", **NOT_THE_PICTURE)
    if isinstance(error, UnreadablePostError):
        detail = "The rest of the body did not come; send it again."
        return problem(400, "body_cut_off", detail, retryable=True, keep_local=True)
    if isinstance(error, SuspiciousOperation):
        return problem(400, "bad_request", str(error), **NOT_THE_PICTURE)
    return None


def database_down(error: Exception) -> JsonResponse:
    logger.error("The database did not answer: %s", error)
    detail = "The database is down or busy; try again."
    return problem(503, "database_unavailable", detail, retryable=True, keep_local=True)


def _of_domain_error(error: errors.DomainError) -> JsonResponse:
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    return problem(
        status,
        error.code,
        str(error),
        retryable=error.retryable,
        keep_local=error.keep_local,
        retry_after=getattr(error, "retry_after", None),
        told=error.told,
    )


def _of_drf_error(error: drf.APIException) -> JsonResponse:
    busy = error.status_code in (429, 503)
    return problem(
        error.status_code,
        error.default_code,
        " ".join(_sentences(error.detail)),
        retryable=busy,
        keep_local=True,
        retry_after=getattr(error, "wait", None),
    )


def _sentences(detail: Any) -> Iterator[str]:
    """Flatten DRF's nested details into sentences that name the field."""
    if isinstance(detail, Mapping):
        for field, inner in detail.items():
            for sentence in _sentences(inner):
                yield sentence if field == "non_field_errors" else f"{field}: {sentence}"
    elif isinstance(detail, list):
        for inner in detail:
            yield from _sentences(inner)
    else:
        yield str(detail)


class RefusalMiddleware:
    """Answers what a page's view raised: a refusal with its status, a database that is down with 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, (errors.DomainError, UnreadablePostError, *DATABASE_DOWN)):
            return error_page(request, problem_response(error))
        return None


def error_page(request: HttpRequest, answer: HttpResponse | None) -> HttpResponse:
    """Show a problem to a person; programs under ``/v1`` and ``/api`` get it as it is."""
    if answer is None:
        detail = "Something went wrong here; it was logged."
        answer = problem(500, "internal_error", detail, retryable=True, keep_local=True)
    if request.path.startswith(OF_PROGRAMS):
        return answer
    # Who may be logged in, told without the database: the way on is called by it, and is the same.
    context = {
        "problem": json.loads(answer.content),
        "logged_in": settings.SESSION_COOKIE_NAME in request.COOKIES,
        "is_visitor": request.path.startswith(OF_VISITORS),
    }
    page = render(request, "error.html", context, status=answer.status_code)
    if "Retry-After" in answer:
        page["Retry-After"] = answer["Retry-After"]
    return page


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return error_page(request, problem_response(exception))
    return error_page(request, problem(400, "bad_request", "The request is malformed.", **NOT_THE_PICTURE))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, problem_response(PermissionDenied(str(exception) or "You may not do this.")))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    detail = "The form came without its proof of origin. Go back, load the page anew, and send it again."
    return error_page(request, problem(403, "csrf_failed", detail, **NOT_THE_PICTURE))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, problem(404, "not_found", "There is nothing here.", **NOT_THE_PICTURE))


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """As of a library's own limits, which do not say when they end."""
    refusal = errors.TooManyRequests("Too often; try again in a minute.", retry_after=60)
    return error_page(request, problem_response(refusal))


def server_error(request: HttpRequest) -> HttpResponse:
    """Whatever was raised where no view could catch it, as by a middleware that needs the database."""
    error = sys.exc_info()[1]
    return error_page(request, problem_response(error) if isinstance(error, Exception) else None)
