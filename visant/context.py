"""What every request begins with: an id, the address it came from, and the right to see nobody's rows."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from orgs import origin, scope
from orgs.ids import uuid7


class RequestContextMiddleware:
    """First of all: whoever is identified later opens the scope, and what they opened ends with the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid7().hex
        ip = request.META.get("REMOTE_ADDR") or None
        with scope.nothing(), origin.coming_from(ip=ip, request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response
