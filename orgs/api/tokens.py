"""``/v1/tokens``: a member's personal API tokens of this organization. No token can make or change one."""

import uuid

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.access import tokens_of
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.serializers.tokens import NewTokenOut, TokenIn, TokenNameIn, TokenOut
from orgs.api.views import MemberAPIView
from orgs.errors import NotThere
from orgs.models import ApiToken
from orgs.services.tokens import create_token, rename_token, revoke_token


class TokenNotThere(NotThere):
    code = "token_not_found"


class TokenList(MemberAPIView, ListAPIView[ApiToken]):
    """``GET``: one's own tokens, newest first. ``POST`` makes one; its text is in the answer, this once."""

    parser_classes = [JSONParser]
    login_methods = ("POST",)
    serializer_class = TokenOut
    results_key = "tokens"
    keyset_field = "created_at"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return tokens_of(self.membership).with_usage()

    @extend_schema(request=TokenIn, responses={201: NewTokenOut})
    def post(self, request: Request) -> Response:
        token, text = create_token(membership=self.membership, **received(TokenIn, request))
        answer = NewTokenOut(self.get_queryset().get(pk=token.pk), context={"text": text})
        return Response(answer.data, status=201, headers={"Cache-Control": "no-store"})


class TokenDetail(MemberAPIView):
    """``PATCH`` changes the name, which is all that can be changed; ``DELETE`` revokes, at once."""

    parser_classes = [JSONParser]
    login_methods = ("PATCH", "DELETE")

    @extend_schema(responses=TokenOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(TokenOut(self._token(pk)).data)

    @extend_schema(request=TokenNameIn, responses=TokenOut)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        token = self._token(pk)
        rename_token(token=token, acting_user=self.person, **received(TokenNameIn, request))
        return Response(TokenOut(token).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        revoke_token(token=self._token(pk), acting_user=self.person)
        return Response(status=204)

    def _token(self, pk: uuid.UUID) -> ApiToken:
        token: ApiToken | None = tokens_of(self.membership).with_usage().filter(pk=pk).first()
        if token is None:
            raise TokenNotThere("There is no such token of yours.")
        return token
