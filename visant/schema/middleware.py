"""Requests wait outside until the schema is ours."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from visant.errors import error_page, problem
from visant.schema.gate import gate

# What an orchestrator asks is answered at any time: it says that, and why, nothing else is.
ALWAYS_OPEN = ("/healthz", "/readyz", "/metrics")


class SchemaMiddleware:
    """Answers 503 with ``Retry-After`` while migrations are missing; once they are there it costs nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path not in ALWAYS_OPEN and gate.lack():
            detail = "Visant is being brought up to date; try again in a moment."
            return error_page(request, problem(503, "schema_pending", detail, retryable=True, keep_local=True))
        return self.get_response(request)
