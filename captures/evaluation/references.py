"""Which of a camera's pictures serve as its references, and what an evaluator is told about the camera."""

import hashlib
import logging
from collections.abc import Sequence
from functools import cache

from django.core.files.storage import default_storage

from captures.evaluation.models import Definition
from captures.evaluation.pictures import Picture, Undecodable, decode_picture
from captures.evaluation.regions import parse_polygons
from captures.evaluation.verdicts import MARKED_ENOUGH, Context
from captures.models import Capture, CaptureQuerySet, State

logger = logging.getLogger(__name__)

# With fewer pictures than this a camera is still learning, unless a person marked enough of them.
REFERENCES_NEEDED = 20
# More references than this cost time and memory and teach nothing new.
REFERENCES_KEPT = 40


def active_definition(capture: Capture) -> Definition | None:
    return capture.device.definitions.filter(active=True).first()


def context_of(capture: Capture, definition: Definition | None) -> Context:
    """Return what is known about the camera of ``capture``; the pictures themselves are loaded when asked for."""
    marked = list(_marked(capture, definition))
    rows = marked if len(marked) >= MARKED_ENOUGH else _with_the_first(capture, definition, marked)
    regions = definition.regions if definition else []
    ignored = definition.ignore_regions if definition else []
    key = f"{regions}{ignored}{len(marked)}{[str(row.pk) for row in rows]}"
    return Context(
        references=cache(lambda: load_pictures(rows)),
        references_key=f"{capture.device_id}:{hashlib.sha256(key.encode()).hexdigest()}",
        reference_count=len(rows),
        references_needed=REFERENCES_NEEDED,
        marked_count=len(marked),
        regions=parse_polygons(regions),
        ignore_regions=parse_polygons(ignored),
        previous=lambda: _previous(capture),
    )


def load_picture(capture: Capture) -> Picture:
    with default_storage.open(capture.storage_key) as file:
        return decode_picture(file.read(), captured_at=capture.captured_at, sha256=capture.sha256)


def load_pictures(captures: Sequence[Capture]) -> list[Picture]:
    """Return their pictures; one that is missing or damaged is left out, for it must not stop all judging."""
    pictures = []
    for capture in captures:
        try:
            pictures.append(load_picture(capture))
        except (OSError, Undecodable) as error:
            logger.warning("The earlier picture %s cannot be read: %s", capture.pk, error)
    return pictures


def _candidates(capture: Capture, definition: Definition | None) -> CaptureQuerySet:
    others: CaptureQuerySet = capture.device.captures.exclude(pk=capture.pk)
    if definition is not None and definition.references_from is not None:
        others = others.filter(captured_at__gte=definition.references_from)
    return others


def _marked(capture: Capture, definition: Definition | None) -> CaptureQuerySet:
    """The references that people marked, the latest marks first."""
    # The label's own camera lets its partial index answer, however large the archive is.
    references = {"label__device": capture.device_id, "label__reference": True}
    # What was imported was not looked at here: that a person chose it is enough.
    marked = _candidates(capture, definition).filter(**references).exclude(usable=False)
    return marked.order_by("-label__pk")[:REFERENCES_KEPT]


def _with_the_first(capture: Capture, definition: Definition | None, marked: list[Capture]) -> list[Capture]:
    """Fill up with the camera's first usable pictures, those a person called abnormal left out."""
    first = _candidates(capture, definition).filter(usable=True).exclude(label__verdict=State.ABNORMAL)
    first = first.exclude(pk__in=[row.pk for row in marked]).order_by("captured_at", "pk")
    return marked + list(first[: REFERENCES_NEEDED - len(marked)])


def _previous(capture: Capture) -> Picture | None:
    """The picture the same camera took before this one, if its bytes are still there."""
    earlier = capture.device.captures.pictured().filter(captured_at__lt=capture.captured_at).newest_first().first()
    if earlier is None:
        return None
    return next(iter(load_pictures([earlier])), None)
