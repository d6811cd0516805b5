"""The API's description: ``/v1/schema`` for programs, ``/v1/docs`` for people. Both are open to anybody."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer2
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from visant.negotiation import AlwaysJSON


class JSONOrYAML(AlwaysJSON):
    """YAML to who asks for it by ``Accept``, JSON to all others."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, Any]:
        json, yaml = renderers
        chosen = yaml if "yaml" in request.META.get("HTTP_ACCEPT", "") else json
        return chosen, chosen.media_type


class Schema(APIView):
    """The description in OpenAPI 3, as JSON, or as YAML with ``Accept: application/yaml``."""

    permission_classes = [AllowAny]
    content_negotiation_class = JSONOrYAML
    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer2]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(_description())


class Docs(SpectacularSwaggerSplitView):
    """The same to read and to try out, with Swagger UI from our own files."""

    permission_classes = [AllowAny]
    content_negotiation_class = DefaultContentNegotiation
    template_name = "docs.html"
    title = "Visant API"


@cache
def _description() -> dict[str, Any]:
    """It changes only with the code, and making it takes a good part of a second."""
    generator: Any = SchemaGenerator
    description: dict[str, Any] = generator().get_schema(request=None, public=True)
    return description
