"""Who may enter by which door: read from the URLs and what their views state, never written down a second time."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ANYONE, PERSON, OPERATOR = "anyone", "person", "operator"
# The doors of Django's admin are its own; OperatorSite.has_permission stands before each.
ADMIN = "/admin/…"


class Door(NamedTuple):
    """One method of one URL. ``who`` is the smallest role that may enter, or another kind of caller.

    ``anyone``, ``person`` (logged in, member or not), ``device``, ``operator``; ``device, viewer``: either.
    """

    name: str
    path: str
    method: str
    who: str


class UnstatedDoor(Exception):
    """Views that do not state who may enter."""


def doors() -> list[Door]:
    """Return all doors, sorted by path. Raises :class:`UnstatedDoor`."""
    found = [Door("admin:index", ADMIN, "GET", OPERATOR), Door("admin:index", ADMIN, "POST", OPERATOR)]
    for name, path, view in _views(get_resolver().url_patterns, "/", ""):
        found += [Door(name, path, method, _who(view, method)) for method in _methods(view)]
    if unstated := {door.path for door in found if not door.who}:
        raise UnstatedDoor(
            f"{', '.join(sorted(unstated))}: who may enter? Pages say it by @requires, @login_required or "
            "@login_not_required, API views by their base."
        )
    return sorted(found, key=lambda door: (door.path, METHODS.index(door.method)))


def table() -> str:
    """The doors as a table in Markdown, the methods with the same answer together."""
    lines = ["| address | methods | smallest role or caller |", "| --- | --- | --- |"]
    rows: dict[tuple[str, str], list[str]] = {}
    for door in doors():
        rows.setdefault((door.path, door.who), []).append(door.method)
    lines += [f"| `{path}` | {', '.join(methods)} | {who} |" for (path, who), methods in rows.items()]
    return "\n".join(lines) + "\n"


def _views(patterns: list[Any], prefix: str, namespace: str) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name == "admin":
                continue
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _views(pattern.url_patterns, prefix + _written(pattern), inner)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", prefix + _written(pattern), pattern.callback


def _written(pattern: URLPattern | URLResolver) -> str:
    text = str(pattern.pattern)
    if isinstance(pattern.pattern, RegexPattern):
        text = simplify_regex(text).lstrip("/")
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)


def _methods(view: Callable[..., Any]) -> list[str]:
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if view_class is not None:
        # Django's forms take a PUT for a POST, of which nobody makes use.
        asked = METHODS if hasattr(view, "cls") else METHODS[:2]
        return [method for method in asked if hasattr(view_class, method.lower())]
    allowed = _allowed_methods(view) or METHODS[:2]
    return [method for method in METHODS if method in allowed]


def _allowed_methods(view: Any) -> list[str] | None:
    """What ``require_http_methods`` was given: it keeps it in its closure and says it nowhere else."""
    while view is not None:
        if hasattr(view, "__code__") and "request_method_list" in view.__code__.co_freevars:
            allowed: list[str] = inspect.getclosurevars(view).nonlocals["request_method_list"]
            return allowed
        view = getattr(view, "__wrapped__", None)
    return None


def _who(view: Callable[..., Any], method: str) -> str:
    """Who may enter, or an empty text when the view does not state it."""
    api: type[APIView] | None = getattr(view, "cls", None)
    if api is not None:
        return _who_of_api(api(**getattr(view, "initkwargs", {})), method)
    if hasattr(view, "smallest_role"):  # what @requires leaves, and whatever else lets in by its own rule
        return str(view.smallest_role)
    if not getattr(view, "login_required", True):
        return ANYONE
    # LoginRequiredMiddleware closes every page; that this is meant must be said, by ours with @login_required.
    return PERSON if hasattr(view, "login_url") or _is_foreign(view) else ""


def _who_of_api(view: APIView, method: str) -> str:
    if hasattr(view, "caller_of"):
        return str(view.caller_of(method))
    return ANYONE if all(permission is AllowAny for permission in view.permission_classes) else ""


def _is_foreign(view: Callable[..., Any]) -> bool:
    source = getattr(view, "view_class", None) or inspect.unwrap(view)
    return source.__module__.split(".")[0] in ("allauth", "django")
