"""Judging pictures. The capture's row is the truth; a worker holds it by a lease that ends by itself."""

import logging
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import cv2
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from captures.evaluation.models import Definition, Evaluation, State
from captures.evaluation.pictures import Picture, Undecodable, decode_picture, make_thumbnail
from captures.evaluation.references import active_definition, context_of
from captures.evaluation.seeing import note_seen
from captures.evaluation.usability import UsabilityEvaluator
from captures.evaluation.verdicts import Context, Evaluator, EvaluatorFailed, Verdict
from captures.models import OVER_LIMIT, Capture, CaptureQuerySet, EvaluationStatus
from captures.storage import thumbnail_key
from orgs import scope
from orgs.errors import LimitReached
from orgs.limits import why_not_judged
from orgs.models import Organization
from orgs.services.plans import count_evaluation

logger = logging.getLogger(__name__)

# A worker that dies leaves its picture for this long. Judging takes well under a second, learning a camera's
# references anew some seconds more.
LEASE = timedelta(seconds=60)
# Attempts are counted on and on, and come in rounds of this many: each ends with a failure that stays until
# somebody asks for another round. A number used again would let a worker of the old round record in the new one.
MAX_ATTEMPTS = 5
FIRST_BACKOFF = timedelta(seconds=5)
GAVE_UP = f"Given up after {MAX_ATTEMPTS} attempts."
# So many of the pictures that a limit left unjudged are judged at once when asked: new ones wait no longer.
KEPT_AT_ONCE = 500


class StillOverLimit(LimitReached):
    code = "still_over_limit"


@dataclass(frozen=True)
class Outcome:
    """What one evaluator made of a picture: a verdict, or else an error."""

    provider: str
    model: str
    verdict: Verdict | None
    error: str
    latency_ms: int


@lru_cache(maxsize=1)
def evaluators() -> tuple[Evaluator, ...]:
    """The usability check and those of VISANT_EVALUATORS, made once a process: they remember the cameras."""
    cv2.setNumThreads(1)  # a picture takes one core; more cores are for more workers
    return UsabilityEvaluator(), *(import_string(path)() for path in settings.VISANT_EVALUATORS)


def evaluate_next(*, now: datetime | None = None) -> bool:
    """Claim the capture that is due the longest and judge it; False when none is due."""
    with scope.across_organizations("workers judge for all organizations"):
        capture = claim_next(now=now or timezone.now())
    if capture is None:
        return False
    with scope.within(capture.org_id):
        evaluate_claimed(capture=capture)
    return True


def claim_next(*, now: datetime) -> Capture | None:
    """Take the next due capture under a lease. One conditional UPDATE decides between workers."""
    while True:
        due = Capture.unscoped.due_at(now).select_related("org").order_by("evaluation_due_at").first()
        if due is None:
            return None
        attempt = due.evaluation_attempts + 1
        row = Capture.unscoped.due_at(now).filter(pk=due.pk, evaluation_attempts=due.evaluation_attempts)
        if due.evaluation_status == EvaluationStatus.PROCESSING and _ends_round(due):
            row.update(**_given_up(GAVE_UP, now))
            continue
        claimed = row.update(
            evaluation_status=EvaluationStatus.PROCESSING,
            evaluation_due_at=now + LEASE,
            evaluation_attempts=attempt,
        )
        if claimed:
            due.evaluation_attempts = attempt
            return due


def evaluate_claimed(*, capture: Capture) -> None:
    """Make the thumbnail, ask the evaluators, record. A failure is recorded as one, and tried again later.

    Over a limit of its organization's plan, or when its key's quota was used up, the picture is kept as it is:
    skipped, with the reason.
    """
    try:
        data = _read(capture)
        thumbnail = _store_thumbnail(capture, data)
        if over_limit := capture.not_judged or why_not_judged(capture.org):
            if _held(capture).update(thumbnail_key=thumbnail, **_skipped(over_limit)):
                note_seen(capture, status=EvaluationStatus.SKIPPED, usable=None, reason=over_limit)
            return
        picture = decode_picture(data, captured_at=capture.captured_at, sha256=capture.sha256)
    except (OSError, Undecodable) as error:
        reading = Outcome("reader", "1", None, _sentence(error), 0)
        record_outcomes(capture=capture, outcomes=[reading], final=isinstance(error, Undecodable))
        return
    definition = active_definition(capture)
    outcomes = judge(picture, context_of(capture, definition))
    if record_outcomes(capture=capture, outcomes=outcomes, definition=definition, thumbnail=thumbnail):
        told = outcomes[-1].verdict
        logger.info("%s %s: %s", capture.device, capture.record_id, told.reason if told else outcomes[-1].error)


def retry_failed(*, captures: CaptureQuerySet) -> int:
    """Let those of ``captures`` that failed, or that a limit left unjudged, be judged in a new round of attempts.

    Return how many.
    """
    full_rounds = (F("evaluation_attempts") + MAX_ATTEMPTS - 1) / MAX_ATTEMPTS
    failed = Q(evaluation_status=EvaluationStatus.FAILED)
    return (
        captures.pictured()
        .filter(failed | OVER_LIMIT)
        .update(
            evaluation_status=EvaluationStatus.PENDING,
            evaluation_due_at=timezone.now(),
            evaluation_attempts=full_rounds * MAX_ATTEMPTS,
            evaluated_at=None,
            not_judged="",
            reason="",
        )
    )


def retry_over_limit(*, org: Organization) -> int:
    """Let the newest pictures that a limit left unjudged be judged now, KEPT_AT_ONCE at most; return how many.

    Raises :class:`StillOverLimit` as long as nothing would come of it.
    """
    if why_not_judged(org):
        raise StillOverLimit("The limit is still reached: these pictures would not be judged now either.")
    newest = org.captures.over_limit().newest_first().values_list("pk", flat=True)[:KEPT_AT_ONCE]
    return retry_failed(captures=org.captures.filter(pk__in=list(newest)))


def judge(picture: Picture, context: Context) -> list[Outcome]:
    """Ask whether the picture is usable, then each evaluator. What cannot be seen is not judged further."""
    usability, *others = evaluators()
    first = _ask(usability, picture, context)
    if first.verdict is None or State(first.verdict.verdict) != State.NORMAL:
        return [first]
    return [first, *(_ask(evaluator, picture, context) for evaluator in others)]


@transaction.atomic
def record_outcomes(
    *,
    capture: Capture,
    outcomes: list[Outcome],
    definition: Definition | None = None,
    thumbnail: str = "",
    final: bool = False,
) -> bool:
    """Write what was found, all or nothing; False when another worker has taken the picture over meanwhile.

    ``final``: a failure that no further attempt can mend.
    """
    now = timezone.now()
    failed = next((outcome for outcome in outcomes if outcome.verdict is None), None)
    if failed is None:
        fields = _verdict_fields(outcomes, now)
    else:
        fields = _failure_fields(capture, failed, now, final=final)
    if not _held(capture).update(thumbnail_key=thumbnail or F("thumbnail_key"), definition=definition, **fields):
        return False
    Evaluation.unscoped.bulk_create(_row(capture, definition, outcome, now) for outcome in outcomes)
    status = EvaluationStatus(fields["evaluation_status"])
    note_seen(capture, status=status, usable=fields.get("usable"), reason=fields["reason"])
    # The plan counts pictures on which an evaluator gave its verdict: not what failed, nor what cannot be seen.
    if fields["evaluation_status"] == EvaluationStatus.COMPLETED and fields["usable"]:
        count_evaluation(org_id=capture.org_id, at=now)
    return True


def _held(capture: Capture) -> CaptureQuerySet:
    """The row, if this attempt at it is still the latest."""
    return Capture.unscoped.filter(
        pk=capture.pk,
        evaluation_status=EvaluationStatus.PROCESSING,
        evaluation_attempts=capture.evaluation_attempts,
    )


def _ask(evaluator: Evaluator, picture: Picture, context: Context) -> Outcome:
    began = time.perf_counter()
    verdict, error = None, ""
    try:
        answer = evaluator.evaluate(picture, context)
        State(answer.verdict)  # any other word is a failure, too
        verdict = answer
    except EvaluatorFailed as failure:
        error = _sentence(failure)
    except Exception as failure:  # an evaluator is foreign code: what it raises is its failure
        logger.exception("The evaluator %s failed.", evaluator.name)
        error = f"{type(failure).__name__}: {_sentence(failure)}"
    latency = round((time.perf_counter() - began) * 1000)
    return Outcome(evaluator.name, evaluator.version, verdict, error, latency)


def _sentence(error: Exception) -> str:
    """What went wrong, to be shown to people: of an OSError without the path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _verdict_fields(outcomes: list[Outcome], now: datetime) -> dict[str, Any]:
    """The most worrying verdict counts: abnormal, then uncertain, then normal.

    A picture that can be judged and that no evaluator is there to judge is skipped: usable is not normal.
    """
    worry = [State.NORMAL, State.UNCERTAIN, State.ABNORMAL]
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict is not None]
    usable = State(verdicts[0].verdict) == State.NORMAL
    if usable and not verdicts[1:]:
        return {"usable": True, **_skipped("No evaluator is configured.")}
    asked = verdicts[1:] or verdicts  # the usability check speaks only when it found a problem
    worst = max(asked, key=lambda verdict: worry.index(State(verdict.verdict)))
    return {
        "evaluation_status": EvaluationStatus.COMPLETED,
        "evaluation_due_at": None,
        "evaluated_at": now,
        "usable": usable,
        "verdict": worst.verdict,
        "score": worst.score,
        "reason": worst.reason,
    }


def _skipped(reason: str) -> dict[str, Any]:
    return {"evaluation_status": EvaluationStatus.SKIPPED, "evaluation_due_at": None, "reason": reason}


def _failure_fields(capture: Capture, failed: Outcome, now: datetime, *, final: bool) -> dict[str, Any]:
    reason = f"Could not be judged: {failed.error}"
    if final or _ends_round(capture):
        return _given_up(reason, now)
    return {
        "evaluation_status": EvaluationStatus.PENDING,
        "evaluation_due_at": now + FIRST_BACKOFF * 2 ** ((capture.evaluation_attempts - 1) % MAX_ATTEMPTS),
        "reason": reason,
    }


def _ends_round(capture: Capture) -> bool:
    return capture.evaluation_attempts % MAX_ATTEMPTS == 0


def _given_up(reason: str, now: datetime) -> dict[str, Any]:
    return {
        "evaluation_status": EvaluationStatus.FAILED,
        "evaluation_due_at": None,
        "evaluated_at": now,
        "reason": reason,
    }


def _row(capture: Capture, definition: Definition | None, outcome: Outcome, now: datetime) -> Evaluation:
    verdict = outcome.verdict
    return Evaluation(
        org_id=capture.org_id,
        capture=capture,
        definition=definition,
        attempt=capture.evaluation_attempts,
        provider=outcome.provider,
        model=outcome.model,
        verdict=verdict.verdict if verdict else None,
        score=verdict.score if verdict else None,
        reason=verdict.reason if verdict else "",
        boxes=[asdict(box) for box in verdict.boxes] if verdict else [],
        details=verdict.details if verdict else {},
        error=outcome.error,
        at=now,
        latency_ms=outcome.latency_ms,
    )


def _read(capture: Capture) -> bytes:
    with default_storage.open(capture.storage_key) as file:
        return bytes(file.read())


def _store_thumbnail(capture: Capture, data: bytes) -> str:
    return default_storage.save(thumbnail_key(capture.storage_key), ContentFile(make_thumbnail(data)))
