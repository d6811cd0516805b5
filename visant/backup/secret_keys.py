"""The secrets that a backup needs to be of use: without them rows come back, but no key opens and nobody stays in.

They are not in a backup unless that is asked for: who has both has everything. What is in each is a fingerprint,
which tells whether the secrets at hand are the ones, and nothing more.
"""

import hashlib
import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from visant.backup.folder import SECRETS

# Short, and slow to try: of a secret that people made up it must not help to find it.
ROUNDS = 200_000
PEPPERS = "VISANT_KEY_PEPPERS"
FINGERPRINT_BYTES = 6


def secrets_now() -> dict[str, str]:
    """Return the secrets by the names of their variables, as those take them."""
    peppers = ",".join(f"{number}:{secret.decode()}" for number, secret in settings.VISANT_KEY_PEPPERS.items())
    return {"SECRET_KEY": settings.SECRET_KEY, PEPPERS: peppers}


def fingerprints() -> dict[str, str]:
    """Return a fingerprint of each secret, each pepper for itself."""
    key = {"SECRET_KEY": _fingerprint("SECRET_KEY", settings.SECRET_KEY.encode())}
    return {**key, **pepper_fingerprints()}


def pepper_fingerprints(*, but: Container[str] = ()) -> dict[str, str]:
    """Return a fingerprint of each pepper by its name, but not of those in ``but``: each takes a while."""
    named = {f"{PEPPERS} {number}": secret for number, secret in settings.VISANT_KEY_PEPPERS.items()}
    return {name: _fingerprint(name, secret) for name, secret in named.items() if name not in but}


def lacking(manifest: Mapping[str, Any]) -> list[str]:
    """Return the secrets of a backup that are not the ones here."""
    here = fingerprints()
    return [name for name, mark in manifest["secrets"].items() if here.get(name) != mark]


def write_secrets(folder: Path) -> None:
    """Put the secrets beside a backup, for the owner of the files only."""
    file = folder / SECRETS
    file.touch(mode=0o600)
    file.write_text(json.dumps(secrets_now(), indent=2) + "\n")


def _fingerprint(name: str, secret: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", secret, f"visant backup {name}".encode(), ROUNDS, FINGERPRINT_BYTES).hex()
