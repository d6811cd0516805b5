"""The options of each command."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Optional

from visant_camera import __version__
from visant_camera.configfile import ConfigFile
from visant_camera.values import PREFIX, OptionError, Values

__all__ = ["OptionError", "Options", "Parser", "add_key_options", "make_parser", "read_options"]


FILES = "~/.config/visant-camera/config or /etc/visant-camera.conf"


@dataclass(frozen=True)
class Options:
    """``interval`` in seconds, None for none; ``spool_limit`` in bytes; ``count`` None means without end.

    ``key_home`` is the config file when the key is from there.
    """

    source: str
    url: str
    key: str
    key_home: Optional[ConfigFile]
    device: str
    interval: Optional[float]
    count: Optional[int]
    spool: Path
    spool_limit: int
    trigger_label: str
    once_through: bool
    verbose: bool

    @property
    def is_batch(self) -> bool:
        """A given number of pictures and then the end: it takes no commands."""
        return self.count is not None or self.once_through


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message[:1].upper()}{message[1:]}; {self.prog} --help lists the options.")


def read_options(arguments: Sequence[str], environment: Mapping[str, str], *, once: bool = False) -> Options:
    """Raises ``OptionError``. ``--help`` and ``--version`` print and leave by ``SystemExit``."""
    values = Values(_parser(once=once).parse_args(arguments), environment)
    key, is_the_files = values.key()
    off = values.find("interval")[0].lower() == "off"
    count = values.find("count")[0] or "endless"
    return Options(
        source=values.text("source"),
        url=values.url(),
        key=key,
        key_home=values.file if is_the_files else None,
        device=values.device(),
        interval=None if off else values.number("interval", "10", least=0),
        count=int(values.number("count", "", least=1, whole=True)) if count != "endless" else None,
        spool=values.spool(),
        spool_limit=int(values.number("spool_limit", "1024", least=0.001) * 2**20),
        trigger_label=values.label("trigger_label", "manual" if once else "schedule"),
        once_through=values.yes("once_through"),
        verbose=values.yes("verbose"),
    )


def make_parser(command: str, description: str, epilog: str = "") -> Parser:
    """With what every command takes."""
    parser = Parser(
        prog=f"visant-camera {command}".strip(),
        description=description,
        epilog=epilog or f"Each option can also be set by environment, like {PREFIX}URL, or in the config file.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="~/.config/visant-camera/config or /etc/visant-camera.conf"
    )
    parser.add_argument("--url", help="address of the Visant server, like http://localhost:8000")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def add_key_options(parser: Parser) -> None:
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key", help="the camera's key, vis_dev_…")
    key.add_argument("--key-file", metavar="FILE", help="file that holds the key; other users cannot see it in ps")
    parser.add_argument("--device", metavar="ID", help="the camera's id; without it the first receipt tells")
    parser.add_argument("--spool", metavar="DIR", help="folder of pictures not sent yet, one for each camera")


def _parser(*, once: bool) -> Parser:
    what = "Takes one picture and hands it in." if once else "Takes pictures and hands them in."
    parser = make_parser("once" if once else "run", what)
    add_key_options(parser)
    parser.add_argument(
        "--source", help="folder, drop:FOLDER, video file, http(s)://, rtsp://, webcam:0 or scene:"
    )
    parser.add_argument("--spool-limit", metavar="MB", help="drop the oldest above this (1024)")
    why = "manual" if once else "schedule"
    parser.add_argument("--trigger-label", metavar="LABEL", help=f"why pictures are taken ({why})")
    if not once:
        interval = "time between two pictures while the server has no schedule (10), or off"
        parser.add_argument("--interval", metavar="SECONDS", help=interval)
        parser.add_argument("--count", metavar="N", help="stop after N pictures; takes no commands")
        end = "stop at the end of the folder or video; takes no commands"
        parser.add_argument("--once-through", action="store_true", help=end)
    return parser
