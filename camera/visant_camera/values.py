"""One value from three places: a flag wins over the environment, which wins over the config file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

from visant_camera.configfile import ConfigError, ConfigFile, default_path

PREFIX = "VISANT_CAMERA_"


class OptionError(Exception):
    """The options do not fit; the text is one sentence for people."""


class Values:
    """``file`` is the config file, which may not exist yet."""

    def __init__(
        self, given: argparse.Namespace, environment: Mapping[str, str], *, to_write: bool = False
    ) -> None:
        """``to_write``: the file is going to be written, so it need not be there. Raises ``OptionError``."""
        self._given = given
        self._environment = environment
        named = given.config or environment.get(PREFIX + "CONFIG")
        path = Path(named).expanduser() if named else default_path(environment, to_write=to_write)
        if named and not to_write and not path.exists():
            raise OptionError(f"The config file {path} does not exist.")
        try:
            self.file = ConfigFile(path)
        except ConfigError as error:
            raise OptionError(str(error)) from error

    def find(self, name: str) -> tuple[str, str]:
        """The value, or "", and how the place it is from is called for people."""
        flag = getattr(self._given, name, None)
        if flag:
            return str(flag), self.flag(name)
        if self._environment.get(PREFIX + name.upper()):
            return self._environment[PREFIX + name.upper()], PREFIX + name.upper()
        return self.file.get(name), f"{self.file.path}: {name}"

    def text(self, name: str, default: Optional[str] = None) -> str:
        value = self.find(name)[0] or default
        if value is None:
            raise OptionError(
                f"Give {self.flag(name)} or set {PREFIX}{name.upper()}, or {name} in {self.file.path}."
            )
        return value

    def number(self, name: str, default: str, *, least: float, whole: bool = False) -> float:
        value, place = self.find(name)
        try:
            number = float(int(value or default) if whole else float(value or default))
        except ValueError:
            number = float("nan")
        if not least <= number < 1e9:  # also false for NaN
            kind = "a whole number" if whole else "a number"
            raise OptionError(f"{place} must be {kind} of at least {least:g}, not {value!r}.")
        return number

    def yes(self, name: str) -> bool:
        if getattr(self._given, name, False):
            return True
        value, place = self.find(name)
        if value.lower() not in ("", "0", "no", "false", "1", "yes", "true"):
            raise OptionError(f"{place} must be yes or no, not {value!r}.")
        return value.lower() in ("1", "yes", "true")

    def label(self, name: str, default: str) -> str:
        value, place = self.find(name)
        value = value or default
        if not value.isprintable() or len(value) > 64:
            raise OptionError(f"{place} takes at most 64 printable characters.")
        return value

    def url(self) -> str:
        self.text("url")
        return self.check_url(*self.find("url"))

    @staticmethod
    def check_url(value: str, place: str) -> str:
        """``value`` itself; raises ``OptionError`` when it is no address of a server."""
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        if not usable:
            raise OptionError(f"The server's address ({place}) must look like https://visant.example.com.")
        if parts.username or parts.query or parts.fragment:
            sentence = "takes no user, password or query; the key goes to --key"
            raise OptionError(f"The server's address ({place}) {sentence}.")
        return value

    def key(self) -> tuple[str, bool]:
        """The camera's key, and whether it is the config file's own; raises ``OptionError`` when there is none."""
        for given in (vars(self._given), self._of_environment(), self.file.values):
            key, path = given.get("key"), given.get("key_file")
            if not key and path:
                key = _read_key(Path(path).expanduser())
            if key:
                return _check_key(str(key)), given is self.file.values and not path
        raise OptionError(
            f"The camera's key is missing; give --key or --key-file, set {PREFIX}KEY, or run visant-camera claim."
        )

    def device(self) -> str:
        """The camera's id, or ""; one in the config file goes only with a key from there."""
        value, place = self.find("device")
        if place.startswith(str(self.file.path)):
            elsewhere = {**self._of_environment(), **{k: v for k, v in vars(self._given).items() if v}}
            if elsewhere.get("key") or elsewhere.get("key_file"):
                return ""
        return value

    def spool(self) -> Path:
        # Under systemd the folder that StateDirectory= made.
        state = self._environment.get("STATE_DIRECTORY", "").partition(":")[0]
        default = state or str(Path(self._environment.get("XDG_STATE_HOME") or "~/.local/state") / "visant-camera")
        return Path(self.text("spool", default)).expanduser()

    def _of_environment(self) -> dict[str, str]:
        return {name: self._environment.get(PREFIX + name.upper(), "") for name in ("key", "key_file")}

    @staticmethod
    def flag(name: str) -> str:
        return f"--{name.replace('_', '-')}"


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise OptionError(f"The key file {path} cannot be read.") from error


def _check_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise OptionError("The key holds a character that no key has; copy it again from the camera's page.")
    return key
