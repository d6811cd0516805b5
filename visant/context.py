"""What every request begins with: an id, the address it came from, and the right to see nobody's rows."""

import re
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from orgs import origin, scope
from orgs.ids import uuid7
from visant.counting import count_request

# What a server in front may have called the request. Nothing else gets into logs and audit.
_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")


class RequestContextMiddleware:
    """Whoever is identified later opens the scope, and what they opened ends with the request.

    Comes after :class:`visant.proxies.ProxyMiddleware`, so that the address and a given id can be believed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid7().hex
        request.request_id = request_id  # type: ignore[attr-defined] # for the log, once the request is over
        ip = request.META.get("REMOTE_ADDR") or None
        with scope.nothing(), origin.coming_from(ip=ip, request_id=request_id):
            response = self.get_response(request)
            scope.keep_for_stream(response)
        response["X-Request-ID"] = request_id
        count_request(request.method or "", request.path, response.status_code, time.perf_counter() - began)
        return response
