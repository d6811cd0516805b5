"""The API's description: what drf-spectacular reads from the code, and every answer that says no.

Views declare what they take and what they give (``extend_schema``); which refusals they can answer with follows
here from what they are, in one place. The codes are those of the ``DomainError`` classes, so none is forgotten.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.plumbing import build_object_type
from rest_framework import exceptions as drf

from orgs import errors
from visant.errors import STATUSES, TITLES

PROBLEM = "application/problem+json"
WRITING = ("POST", "PUT", "PATCH")
# What is answered by Django, by DRF and by the project itself, beside what our rules answer.
OTHER_CODES: dict[int, set[str]] = {
    400: {"bad_request", drf.ParseError.default_code, drf.ValidationError.default_code},
    403: {"not_allowed"},
    404: {"not_found"},
    413: {"body_too_large"},
    415: {drf.UnsupportedMediaType.default_code},
    500: {"internal_error"},
    503: {"database_unavailable"},
}
BEARER = {"type": "http", "scheme": "bearer"}
SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "deviceKey": {**BEARER, "description": "A camera's key (vis_dev_…)."},
    "deviceKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A camera's key."},
    "deviceKeyBasic": {
        "type": "http",
        "scheme": "basic",
        "description": "The camera's id, and its key as password.",
    },
    "accessToken": {**BEARER, "bearerFormat": "JWT", "description": "Of /v1/auth/login, for 15 minutes."},
    "personalToken": {**BEARER, "description": "A person's API token (vis_usr_…)."},
}
DEVICE, PERSON = ("deviceKey", "deviceKeyHeader", "deviceKeyBasic"), ("accessToken", "personalToken")
# What each way to find out who calls lets them show.
SHOWN = {
    "DeviceKeyAuthentication": DEVICE,
    "PersonAuthentication": PERSON,
    "DeviceOrPersonAuthentication": (*DEVICE, *PERSON),
}


class AutoSchema(openapi.AutoSchema):
    """Adds to each operation the refusals it can answer with."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "request":
            return bodies
        refusals = {str(status): _reference(status) for status in self._refusals()}
        return {**refusals, **bodies}

    def get_auth(self) -> list[dict[str, list[str]]]:
        """What the caller may show; a way to show it that is not in the table above is an error here."""
        return [{name: []} for way in self.view.get_authenticators() for name in SHOWN[type(way).__name__]]

    def _refusals(self) -> Iterator[int]:
        """Which statuses: by whether it matters who calls, is told something, and changes something."""
        # Who logs in or signs up shows nothing yet, and may still be refused for who they are.
        personal = bool(self.view.get_authenticators()) or self.method in WRITING
        yield 400
        if personal:
            yield from (401, 403, 404)
        if "{" in self.path and not self.view.get_authenticators():
            yield from (403, 404, 410, 429)  # what the address names is the caller's key: a link that may be over
        if self.method in (*WRITING, "DELETE"):
            yield 409
        if self.method in WRITING:
            yield from (413, 415)
        if personal:
            yield 429
        yield from (500, 503)

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()  # type: ignore[no-untyped-call] # drf-spectacular is not
        if paginator is not None:
            paginator.results_key = getattr(self.view, "results_key", "results")
        return paginator


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The hook that adds to the description what the operations above refer to."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = SECURITY_SCHEMES
    components.setdefault("schemas", {})["Problem"] = _problem_schema()
    components["responses"] = {_name(status): _response(status) for status in sorted(_codes())}
    return result


def _problem_schema() -> dict[str, Any]:
    """RFC 9457, with what cameras need to know beyond it."""
    text, truth = {"type": "string"}, {"type": "boolean"}
    properties: dict[str, Any] = {
        "type": {**text, "format": "uri", "description": "urn:visant:problem:<code>"},
        "title": text,
        "status": {"type": "integer"},
        "detail": {**text, "description": "A sentence for people."},
        "code": {**text, "description": "A word for programs."},
        "retryable": {**truth, "description": "May the same request succeed later?"},
        "keep_local": {**truth, "description": "Must a camera hold on to its picture?"},
        "request_id": {**text, "description": "Also X-Request-ID; whoever runs the server finds it in the log."},
    }
    return build_object_type(properties, required=list(properties), description="Why not (RFC 9457).")


def _response(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code in sorted(_codes()[status]))
    answer: dict[str, Any] = {
        "description": f"{TITLES[status]}: {codes}.",
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        seconds = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds.", "required": True}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _codes() -> Mapping[int, set[str]]:
    codes = {status: set(words) for status, words in OTHER_CODES.items()}
    for refusal in _all_refusals(errors.DomainError):
        status = next(status for kind, status in STATUSES if issubclass(refusal, kind))
        codes.setdefault(status, set()).add(refusal.code)
    return codes


def _all_refusals(kind: type[errors.DomainError]) -> Iterator[type[errors.DomainError]]:
    for refusal in kind.__subclasses__():
        yield refusal
        yield from _all_refusals(refusal)


def _reference(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _name(status: int) -> str:
    """``NotFound`` for 404: the name of the answer in the description."""
    return TITLES[status].title().replace(" ", "")
