"""``GET /v1/audit``: who changed what in the organization, for its admins."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from devices.access import devices_of
from devices.api.views import DeviceNotThere
from orgs.api.serializers.audit import AuditEntryOut, AuditFilter
from orgs.api.views import MemberAPIView
from orgs.models import AuditEntry, Role
from orgs.models.audit import AuditQuerySet
from orgs.wording import ACTIONS_OF, Subject


class AuditList(MemberAPIView, ListAPIView[AuditEntry]):
    """The newest first; a camera of another organization is not there."""

    smallest_role = Role.ADMIN
    serializer_class = AuditEntryOut
    results_key = "entries"
    keyset_field = "at"

    @extend_schema(summary="List the entries of the audit, newest first", parameters=[AuditFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[AuditEntry]:
        wanted = AuditFilter(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        narrow: dict[str, Any] = wanted.validated_data
        device_id = narrow.get("device_id")
        if device_id and not devices_of(self.membership).filter(pk=device_id).exists():
            raise DeviceNotThere("There is no such camera.")
        entries: AuditQuerySet = self.org.auditentrys.all()
        return entries.matching(
            person=narrow.get("person", ""),
            actions=ACTIONS_OF[Subject(narrow["about"])] if "about" in narrow else (),
            since=narrow.get("from"),
            until=narrow.get("to"),
            device_id=device_id,
        )
