from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from captures.api.parsers import FormPictureParser, JSONPictureParser, RawPictureParser, refuse_unknown_length
from captures.api.serializers import CaptureFilter, CaptureIn, CaptureOut, ReceiptOut, StatusOut
from captures.models import Capture
from captures.services import store_capture
from captures.serving import image_response, thumbnail_response
from devices.api.authentication import refuse_other_device
from devices.api.views import DeviceAPIView
from orgs.errors import NotThere

# Made once: a serializer copies its fields whenever it is made, which costs more than all it does for a picture.
INCOMING = CaptureIn()
RECEIPT = ReceiptOut()


class CaptureNotThere(NotThere):
    code = "capture_not_found"


class CaptureList(DeviceAPIView, ListAPIView[Capture]):
    """``POST`` hands in a picture; ``GET`` lists the camera's own, newest first."""

    parser_classes = [RawPictureParser, FormPictureParser, JSONPictureParser]
    serializer_class = CaptureOut
    results_key = "captures"
    keyset_field = "captured_at"

    def post(self, request: Request) -> Response:
        refuse_unknown_length(request)
        body: dict[str, Any] = dict(request.data)
        data = body.pop("image", b"")
        fields = INCOMING.run_validation(body)
        if named := fields.pop("device_id", None):
            refuse_other_device(self.device, named)
        capture, created = store_capture(device=self.device, data=data, **fields)
        return Response(RECEIPT.to_representation(capture), status=201 if created else 200)

    def get_queryset(self) -> QuerySet[Capture]:
        wanted = CaptureFilter(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        narrow: dict[str, Any] = wanted.validated_data
        if "device_id" in narrow:
            refuse_other_device(self.device, narrow["device_id"])
        return self.device.captures.matching(
            state=narrow.get("state"), since=narrow.get("from"), until=narrow.get("to"), text=narrow.get("q")
        )


class CaptureAPIView(DeviceAPIView):
    """One picture of the calling camera, named by its id or its record id."""

    def get_capture(self, name: str) -> Capture:
        # PostgreSQL cannot even ask for a NUL; no picture is called so.
        capture = None if "\0" in name else self.device.captures.named(name).first()
        if capture is None:
            raise CaptureNotThere("There is no such picture of this camera.")
        return capture


class CaptureDetail(CaptureAPIView):
    def get(self, request: Request, name: str) -> Response:
        return Response(CaptureOut(self.get_capture(name)).data)


class CaptureStatus(CaptureAPIView):
    def get(self, request: Request, name: str) -> Response:
        return Response(StatusOut(self.get_capture(name)).data)


class CaptureImage(CaptureAPIView):
    def get(self, request: Request, name: str) -> HttpResponseBase:
        return image_response(request, self.get_capture(name))


class CaptureThumbnail(CaptureAPIView):
    def get(self, request: Request, name: str) -> HttpResponseBase:
        return thumbnail_response(request, self.get_capture(name))
