"""What can be set, by flag or by environment; the flag wins."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Optional
from urllib.parse import urlsplit

from visant_camera import __version__

PREFIX = "VISANT_CAMERA_"


class OptionError(Exception):
    """The options do not fit; the text is one sentence for people."""


@dataclass(frozen=True)
class Options:
    """``interval`` in seconds, ``spool_limit`` in bytes; ``count`` None means without end."""

    source: str
    url: str
    key: str
    interval: float
    count: Optional[int]
    spool: Path
    spool_limit: int
    trigger_label: str
    once_through: bool
    verbose: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message[:1].upper()}{message[1:]}; visant-camera --help lists the options.")


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Raises ``OptionError``. ``--help`` and ``--version`` print and leave by ``SystemExit``."""
    given = _parser().parse_args(arguments)

    def text(name: str, default: Optional[str] = None) -> str:
        flag: Optional[str] = getattr(given, name)
        value = flag or environment.get(PREFIX + name.upper()) or default
        if value is None:
            raise OptionError(f"Give --{name.replace('_', '-')} or set {PREFIX}{name.upper()}.")
        return value

    count = text("count", "endless")
    return Options(
        source=text("source"),
        url=_url(text("url")),
        key=_key(given, environment),
        interval=_number("interval", text("interval", "10"), least=0),
        count=int(_number("count", count, least=1, whole=True)) if count != "endless" else None,
        spool=Path(text("spool", str(_default_spool(environment)))).expanduser(),
        spool_limit=int(_number("spool-limit", text("spool_limit", "1024"), least=0.001) * 2**20),
        trigger_label=_label(text("trigger_label", "schedule")),
        once_through=given.once_through or _is_yes("ONCE_THROUGH", environment),
        verbose=given.verbose or _is_yes("VERBOSE", environment),
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="visant-camera",
        description="Takes still pictures and hands them in to Visant, through every outage.",
        epilog=f"Each option can also be set by environment, like {PREFIX}URL; the flag wins.",
        allow_abbrev=False,
    )
    parser.add_argument("--source", help="folder, video file, http(s)://, rtsp://, webcam:0 or scene:")
    parser.add_argument("--url", help="address of the Visant server, like http://localhost:8000")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key", help="the camera's key, vis_dev_…")
    key.add_argument("--key-file", metavar="FILE", help="file that holds the key; other users cannot see it in ps")
    parser.add_argument("--interval", metavar="SECONDS", help="time between two pictures (10)")
    parser.add_argument("--count", metavar="N", help="stop after N pictures")
    parser.add_argument("--spool", metavar="DIR", help="folder of pictures not sent yet, one for each camera")
    parser.add_argument("--spool-limit", metavar="MB", help="drop the oldest above this (1024)")
    parser.add_argument("--trigger-label", metavar="LABEL", help="why pictures are taken (schedule)")
    parser.add_argument("--once-through", action="store_true", help="stop at the end of the folder or video")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _key(given: argparse.Namespace, environment: Mapping[str, str]) -> str:
    key, path = given.key, given.key_file
    if key is None and path is None:
        key, path = environment.get(PREFIX + "KEY"), environment.get(PREFIX + "KEY_FILE")
    if not key and path:
        try:
            key = Path(path).expanduser().read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise OptionError(f"The key file {path} cannot be read.") from error
    if not key:
        raise OptionError(f"The camera's key is missing; give --key or --key-file, or set {PREFIX}KEY.")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise OptionError("The key holds a character that no key has; copy it again from the camera's page.")
    return str(key)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise OptionError("The server's address (--url) must look like https://visant.example.com.")
    if parts.username or parts.query or parts.fragment:
        raise OptionError("The server's address (--url) takes no user, password or query; the key goes to --key.")
    return value


def _number(name: str, value: str, *, least: float, whole: bool = False) -> float:
    try:
        number = float(int(value) if whole else float(value))
    except ValueError:
        number = float("nan")
    if not least <= number < 1e9:  # also false for NaN
        kind = "a whole number" if whole else "a number"
        raise OptionError(f"--{name} must be {kind} of at least {least:g}, not {value!r}.")
    return number


def _label(value: str) -> str:
    if not (value.isascii() and value.isprintable()) or len(value) > 64:
        raise OptionError("--trigger-label takes at most 64 plain (ASCII) characters.")
    return value


def _is_yes(name: str, environment: Mapping[str, str]) -> bool:
    value = environment.get(PREFIX + name, "").lower()
    if value not in ("", "0", "no", "false", "1", "yes", "true"):
        raise OptionError(f"{PREFIX}{name} must be yes or no, not {value!r}.")
    return value in ("1", "yes", "true")


def _default_spool(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_STATE_HOME") or "~/.local/state") / "visant-camera"
