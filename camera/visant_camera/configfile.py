"""The config file: one section of ``name = value`` lines, kept as people wrote it."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from visant_camera.disk import replace_secret

SECTION = "visant-camera"
NAMES = "url key key_file old_key device name serial code source interval spool spool_limit trigger_label verbose"
FIELDS = frozenset(NAMES.split())
SYSTEM_FILE = Path("/etc/visant-camera.conf")


class ConfigError(Exception):
    """The file does not fit; the text is one sentence for people, with the file and the field."""


class ConfigFile:
    """``values`` are the fields that are set. A file that does not exist is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values = _parse(path, _read(path))

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def update(self, changes: Mapping[str, str]) -> None:
        """Write fields back, "" removes one; comments and all else stay. Atomic; a new file is 0600.

        Raises ``OSError``, and ``ConfigError`` for a value that is more than a line.
        """
        for name, value in changes.items():
            if not value.isprintable():
                raise ConfigError(f"{self.path}: {name} must be one line of plain text.")
        text = _read(self.path)
        for name, value in changes.items():
            text = _with_field(text, name, value)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_secret(self.path, text.encode())
        self.values = _parse(self.path, text)


def default_path(environment: Mapping[str, str], *, to_write: bool = False) -> Path:
    """The person's own file if there is one (or nobody but root may write the system's), else the system's."""
    own = Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "visant-camera" / "config"
    if to_write:
        return SYSTEM_FILE if os.geteuid() == 0 and not own.exists() else own
    return own if own.exists() else SYSTEM_FILE


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"The config file {path} cannot be read: {reason}.") from error


def _parse(path: Path, text: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ConfigError(f"{path}: {_what_is_wrong(error)}.") from None
    for name in parser.sections():
        if name != SECTION:
            raise ConfigError(f"{path}: there is only the section [{SECTION}], not [{name}].")
    values = dict(parser[SECTION]) if parser.has_section(SECTION) else {}
    for name in values:
        if name not in FIELDS:
            raise ConfigError(f"{path}: there is no field {name!r}; the fields are {', '.join(sorted(FIELDS))}.")
    return values


def _what_is_wrong(error: configparser.Error) -> str:
    """Without the line itself, which may hold the key."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"it must begin with the line [{SECTION}]"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"{error.option} stands there twice (line {error.lineno})"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"[{error.section}] stands there twice (line {error.lineno})"
    if isinstance(error, configparser.ParsingError) and error.errors:
        return f"line {error.errors[0][0]} is not of the form name = value"
    return "it cannot be understood"


def _with_field(text: str, name: str, value: str) -> str:
    """``text`` with the field's line replaced, or added at the end of the section; without it when "" is given."""
    lines = text.splitlines() or [f"[{SECTION}]"]
    line = f"{name} = {value}" if value else None
    at: Optional[int] = next((n for n, old in enumerate(lines) if _names(old, name)), None)
    if at is not None:
        lines[at : at + 1] = [line] if line else []
    elif line:
        while not lines[-1].strip():
            lines.pop()
        lines.append(line)
    return "\n".join(lines) + "\n"


def _names(line: str, name: str) -> bool:
    """Whether the line sets that field, by "=" or ":", as configparser sees it."""
    return re.match(rf"{name}\s*[=:]", line, re.IGNORECASE) is not None
