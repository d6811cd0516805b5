"""``/v1/captures/presign`` and ``/complete``: a camera puts its picture into the bucket itself."""

from datetime import timedelta
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from captures.api.serializers import CaptureIn, ReceiptOut
from captures.api.throttles import UploadThrottle
from captures.direct.models import PendingUpload
from captures.direct.services import FORM_SECONDS, begin_upload, complete_upload, form_of
from captures.models import Capture
from captures.storage.keys import CONTENT_TYPES
from devices.api.authentication import refuse_other_device
from devices.api.views import DeviceOrMemberAPIView
from devices.models import Device, DeviceKey
from orgs.api.parsers import JSONParser
from orgs.errors import NotThere


class UploadNotThere(NotThere):
    code = "upload_not_found"


class UploadIn(CaptureIn):
    """What a camera says of the picture it has: also how large it is, its digest and its type."""

    byte_size = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    sha256 = serializers.RegexField(
        r"\A[0-9a-f]{64}\Z", error_messages={"invalid": "sha256 must be 64 small hexadecimal digits."}
    )
    content_type = serializers.ChoiceField(choices=sorted(CONTENT_TYPES.values()))


class UploadOut(serializers.Serializer[Any]):
    """Where to send ``multipart/form-data`` by POST: the fields of ``form``, then the picture as ``file``."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    form = serializers.DictField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class DirectUploadAPIView(DeviceOrMemberAPIView):
    device_methods = methods_beyond_quota = ("POST",)  # evidence is never refused for a quota
    parser_classes = [JSONParser]


class PresignUpload(DirectUploadAPIView):
    """A camera asks where to put a picture; what is there already it need not send."""

    throttle_classes = [UploadThrottle]

    @extend_schema(
        summary="Begin a direct upload",
        request=UploadIn,
        responses={
            201: OpenApiResponse(UploadOut, "Send this form, then ask for it to be completed."),
            200: OpenApiResponse(ReceiptOut, "The picture is there already; this is its receipt."),
        },
    )
    def post(self, request: Request) -> Response:
        incoming = UploadIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        said = dict(incoming.validated_data)
        device = cast(Device, self.device)
        if named := said.pop("device_id", None):
            refuse_other_device(device, named)
        begun = begin_upload(device=device, **said)
        if isinstance(begun, Capture):
            return Response(ReceiptOut(begun).data)
        return Response(_offered(begun), status=201)


class CompleteUpload(DirectUploadAPIView):
    """A camera says that its picture is in the bucket. Asked again, it answers with the same receipt."""

    @extend_schema(
        summary="Complete a direct upload",
        request=None,
        responses={
            201: OpenApiResponse(ReceiptOut, "Stored: the picture is as it was announced."),
            200: OpenApiResponse(ReceiptOut, "It was there already; this is its first receipt."),
        },
    )
    def post(self, request: Request, pk: str) -> Response:
        pending = cast(Device, self.device).pending_uploads.filter(pk=pk).first()
        if pending is None:
            raise UploadNotThere("There is no such upload; it may have been swept after a day.")
        capture, created = complete_upload(key=cast(DeviceKey, request.auth), pending=pending)
        return Response(ReceiptOut(capture).data, status=201 if created else 200)


def _offered(pending: PendingUpload) -> dict[str, Any]:
    form = form_of(pending)
    return {
        "id": str(pending.pk),
        "url": form.url,
        "form": form.fields,
        "expires_at": timezone.now() + timedelta(seconds=FORM_SECONDS),
    }
