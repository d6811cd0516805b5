"""The camera's key, and how it changes without anyone coming by."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path
from typing import Callable, Optional

from visant_camera.configfile import ConfigError, ConfigFile
from visant_camera.disk import replace_secret

log = logging.getLogger(__name__)

Save = Callable[[str, str], None]  # the key in use, and the one before it or ""


class KeyRing:
    """The key in use and, until the new one was seen to work, the one before. For all threads.

    A new key is on the disk before it is used: the server ends the old one once it sees the new one.
    """

    def __init__(self, key: str, *, old: str = "", save: Optional[Save] = None) -> None:
        self.current = key
        self._old = old
        self._save = save or (lambda key, old: None)
        self._useless = ""
        self._guard = threading.Lock()

    def deliver(self, key: str) -> bool:
        """Take over a key from the server. False when it could not be kept, so that it must be asked for again."""
        with self._guard:
            if not _is_usable(key) or key in (self.current, self._useless):
                return True
            try:
                self._save(key, self.current)
            except OSError as error:
                log.error("the new key cannot be kept (%s), so the old one stays in use", error)
                return False
            self.current, self._old = key, self.current
        log.info("the server gave this camera a new key; it is used from now on")
        return True

    def worked(self, key: str) -> None:
        """The server accepted ``key``."""
        with self._guard:
            if not self._old or key != self.current:
                return
            self._old = ""
            self._keep()
        log.info("the new key works; the old one is forgotten")

    def rejected(self, key: str) -> bool:
        """The server refused ``key``; True when there is an older one to go on with."""
        with self._guard:
            if not self._old or key != self.current:
                return key != self.current
            self.current, self._old, self._useless = self._old, "", key
            self._keep()
        log.error("the server does not accept the new key it gave; going on with the old one")
        return True

    def _keep(self) -> None:
        try:
            self._save(self.current, self._old)
        except OSError as error:
            log.error("the key in use cannot be kept: %s", error)


class KeyStore:
    """Where a delivered key is kept: the config file, if the key came from there and it can be replaced.

    Else (a flag, the environment, ``/etc`` under a service) a file in the spool folder, which counts as long
    as the camera is started with the key it followed from.
    """

    def __init__(self, given: str, state: Path, config: Optional[ConfigFile] = None) -> None:
        self._given = given
        self._config = config
        self._file = state / "key.json"

    def open(self) -> KeyRing:
        key, old = self._given, self._config.get("old_key") if self._config else ""
        kept = self._kept()
        if kept.get("follows") == _digest(self._given) and _is_usable(kept.get("key", "")):
            key, old = kept["key"], kept.get("old", "")
        return KeyRing(key, old=old, save=self.save)

    def save(self, key: str, old: str) -> None:
        """Raises ``OSError`` when it can be kept nowhere."""
        if self._config is not None:
            try:
                self._config.update({"key": key, "old_key": old})
            except (OSError, ConfigError) as error:
                log.debug("%s stays as it is (%s); the key is kept beside the pictures", self._config.path, error)
            else:
                self._given = key
                self._file.unlink(missing_ok=True)
                return
        kept = {"follows": _digest(self._given), "key": key, "old": old}
        replace_secret(self._file, json.dumps(kept).encode())

    def _kept(self) -> dict[str, str]:
        try:
            kept = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) and all(isinstance(v, str) for v in kept.values()) else {}


def _is_usable(key: object) -> bool:
    return isinstance(key, str) and bool(key) and key.isascii() and key.isprintable() and " " not in key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
