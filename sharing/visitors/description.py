"""What the description of the API (OpenAPI) says of what visitors get."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from sharing.visitors.serializers import PageAsked, PasswordIn, SharedPageOut, VisitOut

listing = extend_schema(
    summary="List the pictures that a link shows, newest first", parameters=[PageAsked], responses=SharedPageOut
)
password = extend_schema(
    summary="Give the password of a link",
    request=PasswordIn,
    responses={200: OpenApiResponse(VisitOut, "Let in.")},
)
hidden = extend_schema(exclude=True)
