"""Encrypts what must be read again and so cannot be kept as a digest."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(text: str) -> str:
    return _keys().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    return _keys().decrypt(text.encode()).decode()


def _keys() -> MultiFernet:
    """One key of each pepper, the newest first: that one encrypts, all of them decrypt."""
    peppers = reversed(settings.VISANT_KEY_PEPPERS.values())
    return MultiFernet([Fernet(_derived(pepper)) for pepper in peppers])


def _derived(pepper: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.new(pepper, b"second factors", hashlib.sha256).digest())
