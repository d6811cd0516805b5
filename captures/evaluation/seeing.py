"""Whether a camera's pictures can be used, told by the newest that was looked at."""

from django.db.models import Exists

from captures.models import UNSETTLED, Capture, EvaluationStatus
from devices.services.conditions import note_usability


def note_seen(capture: Capture, *, status: EvaluationStatus, usable: bool | None, reason: str) -> None:
    """Note of its camera what looking at ``capture`` came to; nothing while it is to be tried again.

    A picture that failed or was passed over says that nobody knows: it must not look like a good one. When a
    newer one has been looked at, as happens with back-filled ones, nothing is noted.
    """
    if status in UNSETTLED:
        return
    if usable is None:
        failed = status == EvaluationStatus.FAILED
        reason = (
            "Its newest picture could not be judged." if failed else f"Its newest picture was not judged: {reason}"
        )
    newer = Capture.unscoped.filter(device=capture.device_id, captured_at__gt=capture.captured_at)
    note_usability(
        device_id=capture.device_id,
        usable=usable,
        reason=reason,
        at=capture.captured_at,
        came_at=capture.received_at,
        unless=Exists(newer.exclude(evaluation_status__in=UNSETTLED)),
    )
