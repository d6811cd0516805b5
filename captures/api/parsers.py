"""The three bodies a picture comes in. Each parser returns the same fields, the picture's bytes as ``image``."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from captures.inspection import TooManyBytes, picture_limit, refuse_large_picture, too_many_bytes
from orgs.errors import Invalid

FIELDS = ("device_id", "record_id", "captured_at", "trigger_label", "trigger_id", "metadata")
# What may stand around the picture in a form or in JSON.
ENVELOPE = 256 * 1024


class LengthRequired(Invalid):
    code = "length_required"


class BodyCutOff(Invalid):
    """What came may look whole, as a JPEG without what stood behind it; the camera must not be told it is kept."""

    code = "body_cut_off"
    retryable = True


class DigestMismatch(Invalid):
    """What came is not what was sent: damaged on the way, and whole at the next attempt."""

    code = "digest_mismatch"
    retryable = True


class RawPictureParser(BaseParser):
    """The picture itself as the body; the fields in the query or in ``X-Visant-*`` headers."""

    media_type = "image/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        request = _request(parser_context)
        refuse_large_body(request, picture_limit())
        return {**fields_beside_body(request), "image": _read_whole(request, stream)}


class FormPictureParser(BaseParser):
    """``multipart/form-data``: the picture as ``image`` (or whichever single file there is)."""

    media_type = "multipart/form-data"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        request = _request(parser_context)
        refuse_large_body(request, picture_limit() + ENVELOPE)
        body = io.BytesIO(_read_whole(request, stream))
        form = MultiPartParser().parse(body, media_type, parser_context)
        fields = {name: form.data[name] for name in FIELDS if name in form.data}
        file = form.files.get("image", next(iter(form.files.values()), None))
        if not isinstance(file, UploadedFile):
            raise Invalid("The form holds no file; send the picture as the file named image.")
        refuse_large_picture(file.size or 0)
        return {**fields_beside_body(request), **fields, "image": file.read()}


class JSONPictureParser(BaseParser):
    """JSON with the picture as ``image_base64``."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        request = _request(parser_context)
        refuse_large_body(request, picture_limit() * 4 // 3 + ENVELOPE)
        try:
            body = json.loads(_read_whole(request, stream))
        except (ValueError, RecursionError) as error:
            raise Invalid(f"The body is not JSON ({error}).") from error
        if not isinstance(body, dict):
            raise Invalid("The body must be a JSON object.")
        fields = {name: body[name] for name in FIELDS if body.get(name) is not None}
        image = _decode(body.get("image_base64"))
        refuse_large_picture(len(image))
        return {**fields_beside_body(request), **fields, "image": image}


def fields_beside_body(request: Request) -> dict[str, str]:
    """The fields given in headers and in the query, which wins."""
    fields = {}
    for name in FIELDS:
        header = request.META.get(f"HTTP_X_VISANT_{name.upper()}")
        value = request.query_params.get(name, header)
        if value is not None:
            fields[name] = value
    return fields


def refuse_unknown_length(request: Request) -> None:
    """Refuse a body in chunks. To be asked before ``request.data``, which takes it for an empty one."""
    if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
        raise LengthRequired("Send the body with a Content-Length, not in chunks.")


def refuse_large_body(request: Request, limit: int) -> None:
    """Refuse by the announced length, before a byte is read."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and int(length) > limit:
        raise TooManyBytes(too_many_bytes())


def _read_whole(request: Request, stream: IO[Any]) -> bytes:
    data: bytes = stream.read()
    if len(data) < int(request.META["CONTENT_LENGTH"]):
        raise BodyCutOff("Less came than was announced; send it again.")
    _compare_digest(data, request.META.get("HTTP_CONTENT_DIGEST", ""))
    return data


def _compare_digest(data: bytes, told: str) -> None:
    """Compare the body with its ``Content-Digest`` (RFC 9530), where a SHA-256 stands in it."""
    for entry in told.split(","):
        algorithm, _, value = entry.strip().partition("=")
        if algorithm.lower() == "sha-256" and value != _digest(data):
            raise DigestMismatch("What came differs from its Content-Digest; send it again.")


def _digest(data: bytes) -> str:
    return f":{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def _decode(text: object) -> bytes:
    if not isinstance(text, str) or not text:
        raise Invalid("image_base64 must hold the picture in base64.")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise Invalid(f"image_base64 is not base64 ({error}).") from error


def _request(parser_context: Mapping[str, Any] | None) -> Request:
    return cast(Request, (parser_context or {})["request"])
