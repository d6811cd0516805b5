"""One key for each camera that an import made, told once."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from django.db import transaction

from captures.moving.outcomes import Refused
from devices.models import Device
from devices.services.keys import issue_key


def without_key(devices: Sequence[Device]) -> list[Device]:
    """Those that never had one: also such as a run made that was killed before it could tell their keys."""
    return [device for device in devices if device.state == "active" and not device.keys.exists()]


def hand_out(devices: Sequence[Device], tell: Callable[[str], None]) -> None:
    """Make a key for each, and tell it before it holds: one that nobody was told does not exist."""
    for device in devices:
        with transaction.atomic():
            _, text = issue_key(device=device, acting_user=None)
            tell(f"{device.external_id or device.name}\t{device.pk}\t{text}")


class KeyFile:
    """A new file that only its owner may read. Raises :class:`Refused` where there is one already."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Refused("key_file", f"{path} cannot be made: {error.strerror}.") from error
        os.fchmod(self._descriptor, 0o600)

    def tell(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
