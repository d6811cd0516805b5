"""Encrypts what must be read again and so cannot be kept as a digest. Each ``purpose`` has keys of its own."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

SECOND_FACTORS = "second factors"
DEVICE_KEYS = "device keys"


def encrypt(text: str, *, purpose: str) -> str:
    """Return the text encrypted under the newest pepper, as read by :func:`decrypt` for the same ``purpose``."""
    return _keys(purpose).encrypt(text.encode()).decode()


def decrypt(text: str, *, purpose: str) -> str:
    """Return the text again. Raises ``InvalidToken`` for what no pepper there is made for this ``purpose``."""
    return _keys(purpose).decrypt(text.encode()).decode()


def _keys(purpose: str) -> MultiFernet:
    """One key of each pepper, the newest first: that one encrypts, all of them decrypt."""
    peppers = reversed(settings.VISANT_KEY_PEPPERS.values())
    return MultiFernet([Fernet(_derived(pepper, purpose)) for pepper in peppers])


def _derived(pepper: bytes, purpose: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.new(pepper, purpose.encode(), hashlib.sha256).digest())
