"""What the description of the API (OpenAPI) says of pictures, beyond what is read from the code."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from captures.api.parsers import FIELDS
from captures.api.serializers import CaptureFilter, CaptureIn, CaptureOut, ReceiptOut, StatusOut

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
PICTURES = ("image/jpeg", "image/png", "image/webp")


class CaptureFormIn(CaptureIn):
    """The fields as a form, beside the picture as a file."""

    image = serializers.FileField()


class CaptureJSONIn(CaptureIn):
    """The fields as JSON, with the picture in base64."""

    image_base64 = serializers.CharField()


def _beside_a_raw_picture() -> list[OpenApiParameter]:
    """The fields in the query; metadata stands there as the text of a JSON object."""
    types: dict[str, Any] = {"captured_at": OpenApiTypes.DATETIME}
    return [
        OpenApiParameter(name, types.get(name, OpenApiTypes.STR), description=f"Also as {_header(name)}.")
        for name in FIELDS
    ]


def _header(name: str) -> str:
    return f"X-Visant-{name.replace('_', '-').title()}"


def _picture(*types: str, what: str) -> Callable[[ViewT], ViewT]:
    whole = OpenApiResponse(OpenApiTypes.BINARY, what)
    part = OpenApiResponse(OpenApiTypes.BINARY, "The range that was asked for.")
    bodies: dict[Any, Any] = {(200, kind): whole for kind in types} | {(206, kind): part for kind in types}
    others: dict[Any, Any] = {
        302: OpenApiResponse(None, "Where the bucket has it, for a while; to be asked without the key."),
        304: OpenApiResponse(None, "Unchanged, by its ETag."),
        416: OpenApiResponse(None, "The range begins beyond the end."),
    }
    return extend_schema(responses={**bodies, **others})


upload = extend_schema(
    summary="Hand in a picture",
    parameters=_beside_a_raw_picture(),
    request={
        **dict.fromkeys(PICTURES, OpenApiTypes.BINARY),
        "multipart/form-data": CaptureFormIn,
        "application/json": CaptureJSONIn,
    },
    responses={
        201: OpenApiResponse(ReceiptOut, "Stored: the picture is on the disk."),
        200: OpenApiResponse(ReceiptOut, "It was there already; this is its first receipt."),
    },
)
listing = extend_schema(summary="List pictures, newest first", parameters=[CaptureFilter])
one = extend_schema(summary="Show what is known of a picture", responses=CaptureOut)
status = extend_schema(summary="Show how far its evaluation is", responses=StatusOut)
image = _picture(*PICTURES, what="The picture as it was sent.")
thumbnail = _picture("image/jpeg", what="At most 400×300, without EXIF.")
deletion = extend_schema(summary="Delete a picture for good", responses={204: None})
hold = extend_schema(summary="Keep a picture whatever the retention rules say", request=None, responses=CaptureOut)
release = extend_schema(
    summary="Let the retention rules decide about a picture again", request=None, responses=CaptureOut
)
