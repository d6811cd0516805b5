"""What a camera's last heartbeat told of itself, in words."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat

from devices.health import LONGEST_SPAN, span_in_words
from devices.models import DeviceStatus


def vitals_of(status: DeviceStatus) -> list[tuple[str, str]]:
    """Return what it told, each with its name, as people read it; empty for a camera that never told anything."""
    return list(_lines(status.health))


def losses_of(status: DeviceStatus) -> str:
    """A sentence about the pictures it threw away since its program started; empty without any."""
    count = status.health.get("dropped_count")
    if not count:
        return ""
    return f"It had to throw away {count} picture{'' if count == 1 else 's'}: its disk was full."


def _lines(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if (count := told.get("spool_count")) is not None:
        size = told.get("spool_bytes")
        yield "Waiting to be sent", _pictures(count) + (f", {filesizeformat(size)}" if size else "")
    if (dropped := told.get("dropped_count")) is not None:
        yield "Thrown away", _pictures(dropped)
    if (free := told.get("free_bytes")) is not None:
        yield "Free disk", filesizeformat(free)
    if (degrees := told.get("temperature_c")) is not None:
        yield "Temperature", f"{degrees:.1f} °C"
    if (uptime := told.get("uptime_seconds")) is not None:
        yield "Running for", _span(uptime)
    if (offset := told.get("clock_offset_seconds")) is not None:
        yield "Clock", _clock(offset)


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}" if count else "none"


def _clock(offset: float) -> str:
    """Ahead of the server's is positive; less than a second is none."""
    return "right" if abs(offset) < 1 else f"{_span(abs(offset))} {'ahead' if offset > 0 else 'behind'}"


def _span(seconds: float) -> str:
    return span_in_words(timedelta(seconds=min(seconds, LONGEST_SPAN.total_seconds())))
