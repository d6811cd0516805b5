"""``visant-camera status``: how this camera is, by what is on the disk and by asking the server once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Optional
from urllib.parse import urlsplit

import requests

from visant_camera import __version__
from visant_camera.client import sentence
from visant_camera.clock import Clock
from visant_camera.glance import Glance, look_into
from visant_camera.identity import Identity
from visant_camera.keys import KeyRing, KeyStore
from visant_camera.link import Link, json_object, problem_code, read_body
from visant_camera.notes import read_notes
from visant_camera.options import OptionError, add_key_options, make_parser
from visant_camera.values import Values

SHOWN = 10  # pictures set aside


def main(arguments: Sequence[str]) -> int:
    """Exit 0: the key works and nothing is set aside; 1: something needs a person."""
    parser = make_parser("status", "Says how this camera is, and asks the server whether its key works.")
    add_key_options(parser)
    parser.add_argument("--source", help="as for run")
    parser.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args(arguments)
    values = Values(given, os.environ)
    try:
        status = _status(values)
    except PermissionError as error:
        raise OptionError(f"{error.filename} cannot be read: {error.strerror}. Is sudo missing?") from error
    text = json.dumps(status, indent=1) if given.json else "\n".join(_lines(status))
    sys.stdout.write(text + "\n")
    return 0 if status["server"]["key_works"] and not status["spool"]["aside"] else 1


def _status(values: Values) -> dict[str, Any]:
    spool, url = values.spool(), values.find("url")[0]
    last_run = read_notes(spool)
    identity = Identity(spool / "state", given=values.device() or str(last_run.get("device") or ""))
    glance: Glance = look_into(spool)
    return {
        "version": __version__,
        "config": str(values.file.path) if values.file.values else None,
        "url": url,
        "device": identity.device_id,
        "name": values.file.get("name"),
        "source": _without_password(values.find("source")[0]),
        "spool": {"folder": str(spool), **asdict(glance)},
        "last_run": last_run,
        "server": _ask(values, url, identity),
    }


def _ask(values: Values, url: str, identity: Identity) -> dict[str, Any]:
    """Whether the key works: None when that could not be found out."""
    if not url:
        return {"key_works": False, "says": "No server is configured; run visant-camera claim, or give --url."}
    try:
        key, is_the_files = values.key()
    except OptionError as error:
        return {"key_works": False, "says": str(error)}
    ring = KeyStore(key, values.spool() / "state", values.file if is_the_files else None).open()
    clock = Clock()
    # A ring of its own: what becomes of a changed key is the running client's business.
    link = Link(values.url(), KeyRing(ring.current), clock=clock)
    path = f"{identity.path}/config" if identity.device_id else "/v1/captures?limit=1"
    try:
        with link.request("GET", path, timeout=(10.0, 10.0)) as response:
            answer = json_object(read_body(response))
            link.confirmed(response)
    except requests.RequestException as error:
        return {"key_works": None, "says": f"No answer: {sentence(error)}."}
    works, says = _verdict(response, answer)
    return {"key_works": works, "says": says, "clock_offset_seconds": clock.offset}


def _verdict(response: requests.Response, answer: dict[str, Any]) -> tuple[Optional[bool], str]:
    if response.status_code == 200 and answer.keys() & {"version", "captures"}:
        return True, "The key works."
    if not problem_code(answer):
        return None, f"The answer ({response.status_code}) is not Visant's; is there a log-in page between?"
    return (False if response.status_code in (401, 403, 404) else None), str(answer.get("detail"))


def _lines(status: dict[str, Any]) -> list[str]:
    spool, run, server = status["spool"], status["last_run"], status["server"]
    camera = " ".join(part for part in (status["name"], status["device"]) if part)
    lines = [
        f"visant-camera {status['version']}",
        f"config        {status['config'] or 'no file; flags and environment'}",
        f"camera        {camera or 'not known yet'}",
        f"source        {status['source'] or 'none'}",
        f"server        {status['url'] or 'none'}",
        f"              {server['says']}",
    ]
    offset = server.get("clock_offset_seconds")
    if offset is not None:
        lines.append(f"clock         {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}")
    lines.append(f"last contact  {run.get('last_contact_at') or 'none noted'}{_listening(run)}")
    size = f"{spool['bytes'] / 2**20:.1f} MB"
    lines.append(f"spool         {spool['waiting']} waiting ({size}) in {spool['folder']}")
    if run.get("dropped"):
        lines.append(f"              {run['dropped']} dropped by the last run, for want of room")
    aside = spool["aside"]
    lines.append(f"set aside     {len(aside)}")
    lines += [f"              {one['where']}/{one['name']}: {one['why']}" for one in aside[-SHOWN:]]
    return lines


def _listening(run: dict[str, Any]) -> str:
    if run.get("trouble"):
        return f"; {run['trouble']}"
    return "; listening for commands" if run.get("listening") else ""


def _without_password(source: str) -> str:
    """An address may hold a password before the host or in its query."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
