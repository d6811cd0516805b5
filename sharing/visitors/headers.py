"""What every answer to visitors says, whichever door, refusal or error it comes from."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

ADDRESSES = ("/s/", "/api/s/")


class VisitorHeadersMiddleware:
    """No search engine and no cache keeps it, and no other site learns of the address, which opens it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(ADDRESSES):
            response["X-Robots-Tag"] = "noindex, nofollow, noarchive, noimageindex"
            response.headers.setdefault("Cache-Control", "private, no-store")
            response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response
