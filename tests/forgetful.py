"""Views that forget every filter, and fail in all ways: what they show is what the database lets them see.

As ``ROOT_URLCONF`` this module serves them beside Visant's own, as ``tests/forgetful_settings.py`` does.
"""

import uuid

from django.contrib.auth.decorators import login_not_required
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.request import Request

from captures.models import Capture
from devices.api.views import DeviceAPIView
from orgs import scope
from orgs.access import requires
from orgs.models import Role
from visant.urls import urlpatterns as all_doors

SQL = "SELECT DISTINCT org_id FROM captures_capture"


def seen() -> list[str]:
    """The organizations of which rows are seen: by the ORM, by SQL, and past Django."""
    by_orm = set(Capture.unscoped.values_list("org_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(SQL)
        by_sql = {row[0] for row in cursor.fetchall()}
        past_django = {row[0] for row in connection.connection.execute(SQL).fetchall()}
    return sorted(str(pk) for pk in by_orm | by_sql | past_django)


@requires(Role.VIEWER)
def page(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"seen": seen()})


@requires(Role.VIEWER)
def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(f"{pk} " for pk in Capture.unscoped.values_list("org_id", flat=True))


def stream_of_nobody(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(f"{pk} " for pk in Capture.unscoped.values_list("org_id", flat=True))


@login_not_required
def nobody(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"seen": seen()})


@login_not_required
def everybody(request: HttpRequest) -> HttpResponse:
    """Looks across, and leaves the connection so; what it is given back in must not matter."""
    scope.enter_all("a test")
    return JsonResponse({"seen": seen()})


class ForDevices(DeviceAPIView):
    """What the view does before it fails is named in the address."""

    def get(self, request: Request, how: str) -> HttpResponse:
        getattr(self, how)()
        return JsonResponse({"seen": seen()})

    def sees(self) -> None:
        """Nothing goes wrong."""

    def fails(self) -> None:
        with transaction.atomic(), scope.across_organizations("a test"):
            seen()
            raise RuntimeError("on purpose")

    def rolls_back(self) -> None:
        with transaction.atomic():
            with scope.within(uuid.uuid4()):
                seen()
            transaction.set_rollback(True)

    def rolls_back_by_hand(self) -> None:
        connection.set_autocommit(False)
        with scope.across_organizations("a test"), connection.cursor() as cursor:
            cursor.execute(SQL)
            cursor.execute("ROLLBACK")
        connection.set_autocommit(True)

    def runs_out_of_time(self) -> None:
        with scope.across_organizations("a test"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 20")
            cursor.execute("SELECT pg_sleep(5)")

    def is_cut_off(self) -> None:
        with scope.across_organizations("a test"), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    def leaves_a_transaction_open(self) -> None:
        with scope.across_organizations("a test"):
            connection.set_autocommit(False)
            seen()


urlpatterns = [
    path("test/page", page),
    path("test/stream", stream),
    path("test/stream-of-nobody", stream_of_nobody),
    path("test/nobody", nobody),
    path("test/everybody", everybody),
    path("test/device/<str:how>", ForDevices.as_view()),
    *all_doors,
]
