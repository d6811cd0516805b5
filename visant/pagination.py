"""How lists of the API are paged."""

from typing import Any

from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from orgs.errors import Invalid
from orgs.keyset import newest_page

DEFAULT_LIMIT = 50
MAX_LIMIT = 100


class BadLimit(Invalid):
    code = "bad_limit"


class KeysetPagination(BasePagination):
    """``?limit=`` up to 100 and ``?cursor=``; the answer is ``{<results_key>: […], "next": URL or null}``.

    The view names ``results_key`` and the moment that orders its list, ``keyset_field``.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.results_key = view.results_key
        rows, cursor = newest_page(
            queryset,
            cursor=request.query_params.get("cursor", ""),
            limit=_limit(request.query_params.get("limit", "")),
            field=view.keyset_field,
        )
        here = request.build_absolute_uri()
        self.next_url = replace_query_param(here, "cursor", cursor) if cursor else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({self.results_key: data, "next": self.next_url})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True, "description": "The next page."}
        properties = {self.results_key: schema, "next": link}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        cursor = "Where the next page begins; taken from next."
        return [
            {"name": "limit", "in": "query", "schema": limit},
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": cursor},
        ]


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdecimal() or len(text) > 3 or not 1 <= int(text) <= MAX_LIMIT:
        raise BadLimit(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)
