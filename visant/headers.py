"""What every answer says to browsers, beyond what Django and django-csp say."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# What a 304 says (RFC 9110, 15.4.5); all else stands in the answer that is unchanged.
OF_NOT_MODIFIED = {"etag", "cache-control", "vary", "x-request-id"}


class LeanNotModifiedMiddleware:
    """A camera asks every few minutes whether something changed, some by mobile data: "no" costs it few bytes.

    Comes before what adds headers for browsers; what they were told with the whole answer holds on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 304 and request.path.startswith("/v1/"):
            for name in [name for name in response.headers if name.lower() not in OF_NOT_MODIFIED]:
                del response[name]
        return response


class PermissionsPolicyMiddleware:
    """No page of ours uses the visitor's camera, microphone or place, so none may ask for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policy = ", ".join(f"{feature}=()" for feature in settings.FORBIDDEN_FEATURES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Permissions-Policy"] = self.policy
        return response
