"""The API's tokens, which outlive a change of ``SECRET_KEY``: ``SECRET_KEY_FALLBACKS`` still read them."""

from functools import cache
from typing import Any

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken
from rest_framework_simplejwt.tokens import Token


class _Backend(TokenBackend):
    """Signs with the newest key, as Django does; reads with that and the ones before."""

    def encode(self, payload: dict[str, Any]) -> str:
        return _of(settings.SECRET_KEY).encode(payload)

    def decode(self, token: Token, verify: bool = True) -> dict[str, Any]:
        *newer, oldest = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        for key in newer:
            try:
                return _of(key).decode(token, verify)
            except TokenBackendExpiredToken:
                raise
            except TokenBackendError:
                continue
        return _of(oldest).decode(token, verify)


@cache
def _of(key: str) -> TokenBackend:
    return TokenBackend(api_settings.ALGORITHM, key, leeway=api_settings.LEEWAY)


class AccessToken(PlainAccessToken):
    _token_backend = _Backend(api_settings.ALGORITHM)


class RefreshToken(PlainRefreshToken):
    _token_backend = _Backend(api_settings.ALGORITHM)
    access_token_class = AccessToken
