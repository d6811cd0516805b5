"""Answers of a Visant server, in its own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Union

DEVICE = "01933f00-0000-7000-8000-000000000001"
KEY = "vis_dev_test_0123456789"


@dataclass
class Answer:
    status: int
    body: Union[dict[str, Any], bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, *, retryable: bool, keep_local: bool, code: str = "", **headers: str) -> Answer:
    kind = f"urn:visant:problem:{code}" if code else "about:blank"
    body: dict[str, Any] = {"type": kind, "title": "No", "status": status, "detail": f"Problem {status}."}
    body.update(retryable=retryable, keep_local=keep_local)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/problem+json", **names})


PORTAL = Answer(200, b"<html>Welcome to the hotel. Please log in.</html>", {"Content-Type": "text/html"})
