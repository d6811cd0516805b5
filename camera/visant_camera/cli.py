"""The command ``visant-camera``: which part of it is asked for."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Optional

from visant_camera import __version__
from visant_camera.configfile import ConfigError
from visant_camera.options import OptionError
from visant_camera.sources import SourceError
from visant_camera.spool import SpoolUnavailable

# Each module has ``main(arguments) -> exit code``. Imported only when asked for, to stay small.
COMMANDS = {
    "run": ("visant_camera.run", "take pictures and hand them in, until it is ended (also without a command)"),
    "once": ("visant_camera.once", "take one picture and hand it in"),
    "claim": ("visant_camera.claim", "get this camera's key with the code of its label"),
    "status": ("visant_camera.status", "how this camera is, and whether its key works"),
    "simulate": ("visant_camera.simulate.command", "play a fleet of cameras, to test a server"),
}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Exit 0 when all is well; 1 when not everything is; 2 for bad options; see docs/camera.md."""
    # From here on SIGTERM is what Ctrl-C is: an exception wherever the main thread happens to be.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["-h"], ["--help"], ["help"]):
        return _help()
    if given[:1] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return 0
    name = given.pop(0) if given and given[0] in COMMANDS else "run"
    try:
        return int(importlib.import_module(COMMANDS[name][0]).main(given))
    except (OptionError, ConfigError, SourceError, SpoolUnavailable) as error:
        sys.stderr.write(f"visant-camera: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 0


def _help() -> int:
    lines = [f"  {name:<10}{what}" for name, (_, what) in COMMANDS.items()]
    sys.stdout.write(
        "usage: visant-camera [COMMAND] [OPTIONS]\n\n"
        "Takes still pictures and hands them in to Visant, through every outage.\n\n"
        + "\n".join(lines)
        + "\n\nvisant-camera COMMAND --help lists its options.\n"
    )
    return 0


def leave(code: int) -> int:
    """End with ``code``, whatever threads there are."""
    if threading.active_count() > 1:
        # One stuck in a network call or a camera driver must not hold up the end; the disk has it all.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
    return code


def log_for_people(*, verbose: bool) -> None:
    # Other libraries stay at WARNING even when verbose: their lines may hold addresses with passwords.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("visant_camera").setLevel(logging.DEBUG if verbose else logging.INFO)
