"""Between which pictures of a camera its hardware was changed."""

from collections.abc import Sequence
from datetime import datetime

from captures.models import Capture
from devices.models import Device


def note_hardware(captures: Sequence[Capture], device: Device, *, until: datetime | None = None) -> None:
    """Put on each of ``captures``, newest first, the ``installations`` that came after it and before the next one.

    ``until``: before which moment the pictures were looked for.
    """
    installations = device.installations.select_related("unit").order_by("-installed_at", "-pk")
    waiting = [row for row in installations if until is None or row.installed_at < until]
    for capture in captures:
        came = [row for row in waiting if row.installed_at > capture.captured_at]
        capture.installations, waiting = came, waiting[len(came) :]  # type: ignore[attr-defined]
