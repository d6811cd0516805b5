"""``visant-camera claim``: this camera asks for its key until somebody has claimed it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import requests

from visant_camera import __version__
from visant_camera.backoff import Backoff
from visant_camera.cli import log_for_people
from visant_camera.client import sentence
from visant_camera.configfile import ConfigError
from visant_camera.labels import Label, read_label, scan
from visant_camera.link import TIMEOUTS, json_object, read_body
from visant_camera.options import OptionError, make_parser
from visant_camera.receipts import retry_after
from visant_camera.sources import open_source
from visant_camera.values import Values

BOARD = Path("/proc/device-tree/model")  # of a Raspberry Pi and most boards
USUAL_WAIT = 30.0  # seconds


class Refused(Exception):
    """The server says no for good; the text is its sentence."""


def main(arguments: Sequence[str]) -> int:
    """Exit 0: the key is in the config file; 1: refused, or given up by Ctrl-C."""
    given = _parser().parse_args(arguments)
    values = Values(given, os.environ, to_write=True)
    log_for_people(verbose=given.verbose)
    if values.file.get("key") and not given.replace:
        raise OptionError(f"{values.file.path} holds a key already; --replace gets another.")
    label = _label(given, values)
    # Written before the key is asked for, which is given only once: the file can be written, then.
    _write(values, {"url": label.url, "serial": label.serial})
    try:
        answer = _ask_until_claimed(label)
    except Refused as error:
        sys.stderr.write(f"visant-camera: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nvisant-camera: not claimed yet; run it again at any time.\n")
        return 1
    device, name = str(answer["device_id"]), str(answer.get("name") or "")
    learned = {"key": answer["key"], "device": device, "name": name if name.isprintable() else ""}
    _write(values, {**learned, "old_key": "", "key_file": "", "code": ""})
    sys.stdout.write(f"This camera is {name or device}. Its key is in {values.file.path}.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    what = "Asks for this camera's key until somebody has claimed it in Visant; it is kept in the config file."
    parser = make_parser("claim", what)
    parser.add_argument(
        "--qr", metavar="TEXT_OR_FILE", help="the label's QR code: its text, a file or picture of it"
    )
    parser.add_argument("--scan", action="store_true", help="hold the label before the camera (--source)")
    parser.add_argument("--source", help="the camera that scans, like webcam:0")
    parser.add_argument("--code", help="the code of the label")
    parser.add_argument("--serial", help="the serial number of the label")
    parser.add_argument("--replace", action="store_true", help="though there is a key already")
    return parser


def _label(given: argparse.Namespace, values: Values) -> Label:
    if given.scan:
        source = open_source(values.text("source"), interval=0, once_through=False)
        try:
            label = scan(source)
        finally:
            source.close()
    elif given.qr:
        label = read_label(given.qr)
    else:
        label = Label(values.url(), values.text("serial"), values.text("code"))
    # An address that is given wins: the label may be older than the server's name.
    address = given.url or label.url
    return Label(values.check_url(address, "url").rstrip("/"), label.serial, label.code)


def _write(values: Values, changes: Mapping[str, str]) -> None:
    try:
        values.file.update(changes)
    except OSError as error:
        raise ConfigError(f"The config file {values.file.path} cannot be written: {error.strerror}.") from error


def _ask_until_claimed(label: Label) -> dict[str, Any]:
    session, backoff = requests.Session(), Backoff(first=2.0, longest=60.0)
    session.auth = lambda request: request  # else requests looks into ~/.netrc
    session.headers["User-Agent"] = version = f"visant-camera/{__version__}"
    body = {"serial": label.serial, "code": label.code, "model": _model(), "version": version}
    said = ""
    while True:
        why = f"waiting until {label.serial} is claimed, at {label.url}/claim (Ctrl-C gives up)"
        try:
            with session.post(
                f"{label.url}/v1/units/claim", json=body, timeout=TIMEOUTS, allow_redirects=False, stream=True
            ) as response:
                answer = json_object(read_body(response))
                if _is_key(response, answer):
                    return answer
                wait = _wait(response, answer, backoff)
                if response.status_code != 202:
                    why = f"{response.status_code}: {answer.get('detail') or response.reason}; asking again"
        except requests.RequestException as error:
            wait, why = backoff.next(), f"{sentence(error)}; asking again"
        if why != said:
            sys.stderr.write(f"visant-camera: {why}\n")
            said = why
        time.sleep(wait)


def _is_key(response: requests.Response, answer: Mapping[str, Any]) -> bool:
    key, device = answer.get("key"), answer.get("device_id")
    return (
        response.status_code in (200, 201)
        and isinstance(key, str)
        and key.isascii()
        and key.isprintable()
        and isinstance(device, str)
    )


def _wait(response: requests.Response, answer: Mapping[str, Any], backoff: Backoff) -> float:
    """Seconds until the next attempt; raises ``Refused``."""
    status = response.status_code
    asked: Optional[float] = retry_after(response.headers.get("Retry-After"))
    if status == 202:
        backoff.reset()
        told = answer.get("retry_after_seconds")
        wait = asked if asked is not None else told if isinstance(told, (int, float)) else USUAL_WAIT
        return min(max(float(wait), 1.0), 600.0)
    ours = str(answer.get("type", "")).startswith("urn:visant:problem:")
    if ours and 400 <= status < 500 and answer.get("retryable") is not True:
        raise Refused(str(answer.get("detail") or response.reason))
    return (asked or 0.0) + backoff.next()


def _model() -> str:
    try:
        return BOARD.read_text().strip("\0 \n")[:100]
    except (OSError, ValueError):
        return f"{platform.system()} {platform.machine()}"
