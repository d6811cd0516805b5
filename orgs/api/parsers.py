"""The body of what people's programs send."""

from collections.abc import Mapping
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework import parsers
from rest_framework.exceptions import ParseError, UnsupportedMediaType


class JSONParser(parsers.JSONParser):
    """DRF's, for ``application/json`` in UTF-8 by that very name.

    DRF would also take ``application/*`` and any charset, and so read something else in a body than who looks
    at it before, as ``visant/ratelimits.py`` does. It also takes a body that is nested too deep for a bug of ours.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        kind, options = parse_header_parameters(media_type or "")
        if kind != self.media_type or options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(media_type or "")
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The body is nested too deep.") from error
