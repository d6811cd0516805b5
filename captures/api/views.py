import uuid
from datetime import datetime
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from captures.access import captures_of
from captures.api import description
from captures.api.parsers import (
    FormPictureParser,
    JSONPictureParser,
    RawPictureParser,
    fields_beside_body,
    refuse_unknown_length,
)
from captures.api.serializers import CaptureFilter, CaptureIn, CaptureOut, ReceiptOut, StatusOut
from captures.api.throttles import UploadThrottle
from captures.intake import note_refusal, take_in_picture
from captures.models import Capture, CaptureQuerySet
from captures.serving import image_response, thumbnail_response
from devices.api.authentication import refuse_other_device
from devices.api.views import DeviceOrMemberAPIView, get_device
from devices.models import Device, DeviceKey
from orgs.api.authentication import Credentials
from orgs.errors import DomainError, NotThere

# Made once: a serializer copies its fields whenever it is made, which costs more than all it does for a picture.
INCOMING = CaptureIn()
RECEIPT = ReceiptOut()


class CaptureNotThere(NotThere):
    code = "capture_not_found"


class CaptureList(DeviceOrMemberAPIView, ListAPIView[Capture]):
    """``POST``: a camera hands in a picture. ``GET``: its own, or those a member may see, newest first."""

    device_methods = methods_beyond_quota = ("POST",)  # evidence is never refused for a quota
    parser_classes = [RawPictureParser, FormPictureParser, JSONPictureParser]
    throttle_classes = [UploadThrottle]
    serializer_class = CaptureOut
    results_key = "captures"
    keyset_field = "captured_at"

    @description.upload
    def post(self, request: Request) -> Response:
        data, fields = _read(request)
        if named := fields.pop("device_id", None):
            refuse_other_device(cast(Device, self.device), named)
        capture, created = take_in_picture(key=cast(DeviceKey, request.auth), data=data, **fields)
        return Response(RECEIPT.to_representation(capture), status=201 if created else 200)

    @description.listing
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Capture]:
        wanted = CaptureFilter(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        narrow: dict[str, Any] = wanted.validated_data
        captures = self._captures_of(narrow["device_id"]) if "device_id" in narrow else reach_of(self)
        return captures.matching(
            state=narrow.get("state"), since=narrow.get("from"), until=narrow.get("to"), text=narrow.get("q")
        )

    def _captures_of(self, named: str) -> CaptureQuerySet:
        if self.device is None:
            return captures_of(self.membership, get_device(self, named))
        refuse_other_device(self.device, named)
        return reach_of(self)


class CaptureAPIView(DeviceOrMemberAPIView):
    """One picture: for a camera by its id or the camera's own record id, for a member by its id."""

    def get_capture(self, name: str) -> Capture:
        captures = reach_of(self)
        if self.device is None:
            pk = _uuid(name)
            capture = captures.filter(pk=pk).first() if pk else None
        else:
            # PostgreSQL cannot even ask for a NUL; no picture is called so.
            capture = None if "\0" in name else captures.named(name).first()
        if capture is None:
            raise CaptureNotThere("There is no such picture.")
        return capture


class CaptureDetail(CaptureAPIView):
    @description.one
    def get(self, request: Request, name: str) -> Response:
        return Response(CaptureOut(self.get_capture(name)).data)


class CaptureStatus(CaptureAPIView):
    @description.status
    def get(self, request: Request, name: str) -> Response:
        return Response(StatusOut(self.get_capture(name)).data)


class CaptureImage(CaptureAPIView):
    @description.image
    def get(self, request: Request, name: str) -> HttpResponseBase:
        return image_response(request, self.get_capture(name), until=ends_at(request))


class CaptureThumbnail(CaptureAPIView):
    @description.thumbnail
    def get(self, request: Request, name: str) -> HttpResponseBase:
        return thumbnail_response(request, self.get_capture(name), until=ends_at(request))


def reach_of(view: DeviceOrMemberAPIView) -> CaptureQuerySet:
    """The pictures the caller may see: a camera its own, a member those of the organization within the limits."""
    return captures_of(view.membership) if view.device is None else view.device.captures.all()


def ends_at(request: Request) -> datetime | None:
    """When the caller's reason to look ends: the key or token that was shown, or the membership."""
    shown = cast(DeviceKey | Credentials, request.auth)
    return shown.expires_at if isinstance(shown, DeviceKey) else shown.ends_at


def _read(request: Request) -> tuple[bytes, dict[str, Any]]:
    """Return the picture and what the camera says of it. What is refused before that could be read is noted."""
    try:
        refuse_unknown_length(request)
        body: dict[str, Any] = dict(request.data)
    except DomainError as refusal:
        note_refusal(device=cast(Device, request.user), refusal=refusal, said=fields_beside_body(request))
        raise
    data = body.pop("image", b"")
    return data, INCOMING.run_validation(body)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
