"""How a camera shows its key: Bearer, ``X-API-Key``, or HTTP Basic with the device's id as the name."""

import base64

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from devices.models import Device, DeviceKey
from devices.services.keys import KeyUnknown, authenticate_device
from orgs.api.authentication import Credentials, PersonAuthentication
from orgs.errors import NotAllowed, NotAuthenticated
from orgs.models import User


class KeyMissing(NotAuthenticated):
    code = "key_missing"


class NotThisDevice(NotAllowed):
    code = "not_this_device"


class DeviceKeyAuthentication(BaseAuthentication):
    """``request.user`` is the :class:`~devices.models.Device`, ``request.auth`` its key."""

    def authenticate(self, request: Request) -> tuple[Device, DeviceKey]:
        named, text = _shown_key(request)
        key = authenticate_device(text=text, ip=request.META.get("REMOTE_ADDR") or None)
        if named is not None:
            refuse_other_device(key.device, named)
        return key.device, key


class DeviceOrPersonAuthentication(BaseAuthentication):
    """What was shown decides: a personal token or an access token means a person, all else a camera."""

    def authenticate(self, request: Request) -> tuple[Device, DeviceKey] | tuple[User, Credentials]:
        if _shows_person(request):
            return PersonAuthentication().authenticate(request)
        return DeviceKeyAuthentication().authenticate(request)


def refuse_other_device(device: Device, named: str) -> None:
    """A device id in a path, body or login must be the one the key names, or what an earlier system called it."""
    own_word, ids = device.external_id.strip(), [str(pk) for pk in (device.pk, device.former_id) if pk]
    if named.strip().lower() not in ids and not (own_word and named.strip() == own_word):
        raise NotThisDevice("The key belongs to another camera than the one named.")


def _shows_person(request: Request) -> bool:
    scheme, _, text = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    # Access tokens are JWTs, in three parts; no key of ours holds a dot.
    return scheme.lower() == "bearer" and (text.strip().startswith("vis_usr_") or text.count(".") == 2)


def _shown_key(request: Request) -> tuple[str | None, str]:
    """Return the device id that was named, if any, and the key."""
    scheme, _, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return None, rest.strip()
    if scheme.lower() == "basic":
        return _basic(rest.strip())
    text = request.META.get("HTTP_X_API_KEY", "").strip()
    if not text:
        raise KeyMissing(
            "Show a camera's key (Authorization: Bearer …, X-API-Key, or HTTP Basic), "
            "or a person's access token or API token (Authorization: Bearer …)."
        )
    return None, text


def _basic(encoded: str) -> tuple[str, str]:
    try:
        named, colon, text = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError as error:
        raise KeyUnknown("The Basic login is not base64 of id:key.") from error
    if not colon:
        raise KeyUnknown("The Basic login must be the device's id and its key.")
    return named, text
