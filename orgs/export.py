"""The audit as CSV, sent while it is read."""

import csv
import json
import time
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from orgs.keyset import newest_page
from orgs.models import AuditEntry, Organization
from orgs.models.audit import AuditQuerySet
from orgs.wording import sentence

BATCH = 500
MOST_ROWS = 50_000
MOST_SECONDS = 30.0
COLUMNS = (
    "at",
    "sentence",
    "action",
    "actor",
    "actor_id",
    "target_kind",
    "target",
    "target_id",
    "camera_id",
    "before",
    "after",
    "reason",
    "ip",
    "request_id",
)
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def audit_csv(org: Organization, entries: AuditQuerySet) -> Iterator[str]:
    """Yield the lines of ``entries``, the newest first, moments in the organization's time zone.

    After 50,000 entries or 30 seconds it ends, and its last line says so. It is read batch by batch while the
    answer is sent, when the request is over: so the zone is the organization's own, not the current one.
    """
    write = csv.writer(Echo()).writerow
    yield write(COLUMNS)
    ends_at, sent, cursor = time.monotonic() + MOST_SECONDS, 0, ""
    while True:
        rows, next_cursor = newest_page(entries, cursor=cursor, limit=min(BATCH, MOST_ROWS - sent), field="at")
        yield "".join(_lines(write, rows, org.clock))
        sent += len(rows)
        if next_cursor is None:
            return
        if sent >= MOST_ROWS or time.monotonic() > ends_at:
            yield write([f"Cut off after {sent} entries; narrow the days to get the older ones."])
            return
        cursor = next_cursor


class Echo:
    """What the csv module writes to: hands the line back."""

    def write(self, line: str) -> str:
        return line


def _lines(
    write: Callable[[Sequence[str]], str], rows: list[AuditEntry], zone: zoneinfo.ZoneInfo
) -> Iterator[str]:
    for entry in rows:
        cells = (
            entry.at.astimezone(zone).isoformat(timespec="seconds"),
            sentence(entry),
            entry.action,
            entry.actor_name,
            entry.actor_id,
            entry.target_kind,
            entry.target_name,
            entry.target_id,
            entry.device_id,
            _json(entry.before),
            _json(entry.after),
            entry.reason,
            entry.ip,
            entry.request_id,
        )
        yield write([harmless(cell) for cell in cells])


def _json(fields: dict[str, Any] | None) -> str:
    return "" if fields is None else json.dumps(fields, ensure_ascii=False)


def harmless(cell: object) -> str:
    """A name like ``=HYPERLINK(…)`` is text: the apostrophe tells a spreadsheet so."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
