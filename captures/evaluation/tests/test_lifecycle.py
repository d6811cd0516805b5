"""The life of an evaluation: claimed under a lease, tried again, given up, and recorded exactly once."""

import io
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from PIL import Image

from captures.evaluation import tasks
from captures.evaluation.models import Evaluation
from captures.evaluation.services import (
    FIRST_BACKOFF,
    LEASE,
    MAX_ATTEMPTS,
    claim_next,
    evaluate_claimed,
    evaluate_next,
    evaluators,
    retry_failed,
)
from captures.models import Capture, EvaluationStatus
from captures.services import store_capture
from tests.builders import MOMENT, make_capture, make_definition, make_device, make_evaluation, make_jpeg
from tests.server import BASE_DIR, Server
from tests.threads import at_once

pytestmark = pytest.mark.django_db
HERE = "captures.evaluation.tests.evaluators"
UNJUDGED = {"verdict": None, "score": None, "usable": None}


@pytest.fixture(autouse=True)
def ask(settings):
    """Say whom the workers ask; without a word somebody who finds all normal."""

    def say(*names: str) -> None:
        settings.VISANT_EVALUATORS = [f"{HERE}.{name}" for name in names]
        evaluators.cache_clear()

    say("SaysNormal")
    yield say
    evaluators.cache_clear()


def store(data: bytes, device=None) -> Capture:
    return store_capture(device=device or make_device()[0], data=data, captured_at=MOMENT)[0]


def facts(capture: Capture, *names: str) -> dict[str, object]:
    return Capture.unscoped.values(*names).get(pk=capture.pk)


def state(capture: Capture) -> dict[str, object]:
    return facts(capture, "evaluation_status", "evaluation_attempts", "verdict", "score", "usable", "reason")


def answers(capture: Capture) -> list[tuple[object, ...]]:
    rows = capture.evaluations.order_by("attempt", "pk")
    return list(rows.values_list("attempt", "provider", "verdict", "error"))


def make_due(capture: Capture, **fields: object) -> None:
    Capture.unscoped.filter(pk=capture.pk).update(
        evaluation_due_at=timezone.now() - timedelta(seconds=1), **fields
    )


def test_a_picture_is_judged_and_every_answer_is_kept(ask):
    ask("SaysNormal", "SaysAbnormal", "SaysUncertain")
    capture = make_capture()
    definition = make_definition(capture.device)
    before = timezone.now()
    assert evaluate_next()
    assert state(capture) == {
        "evaluation_status": EvaluationStatus.COMPLETED,
        "evaluation_attempts": 1,
        "verdict": "abnormal",
        "score": 0.75,
        "usable": True,
        "reason": "A door is open.",
    }
    capture.refresh_from_db()
    assert (capture.evaluation_due_at, capture.definition) == (None, definition)
    assert before <= capture.evaluated_at <= timezone.now()
    assert answers(capture) == [
        (1, "usability", "normal", ""),
        (1, "calm", "normal", ""),
        (1, "worried", "abnormal", ""),
        (1, "doubtful", "uncertain", ""),
    ]
    worried = capture.evaluations.get(provider="worried")
    assert (worried.org, worried.definition, worried.model) == (capture.org, definition, "1")
    assert (worried.score, worried.reason, worried.details) == (0.75, "A door is open.", {"door": "open"})
    assert not evaluate_next()


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (["SaysNormal"], "normal"),
        (["SaysUncertain", "SaysNormal"], "uncertain"),
        (["SaysUncertain", "SaysAbnormal"], "abnormal"),
    ],
)
def test_the_most_worrying_verdict_counts(ask, asked, verdict):
    ask(*asked)
    capture = make_capture()
    evaluate_next()
    assert state(capture)["verdict"] == verdict


def test_without_anybody_to_ask_a_picture_is_skipped_not_normal(ask):
    ask()
    capture = make_capture()
    evaluate_next()
    assert state(capture) == {
        **UNJUDGED,
        "evaluation_status": EvaluationStatus.SKIPPED,
        "evaluation_attempts": 1,
        "usable": True,
        "reason": "No evaluator is configured.",
    }
    assert answers(capture) == [(1, "usability", "normal", "")]


FAILURES = [
    ("Fails", "unreachable", "The provider did not answer."),
    ("Breaks", "broken", "ZeroDivisionError: division by zero"),
    ("SaysNothing", "silent", "AttributeError: 'NoneType' object has no attribute 'verdict'"),
    ("SaysNonsense", "nonsense", "ValueError: 'fine' is not a valid State"),
]


@pytest.mark.parametrize(("name", "provider", "error"), FAILURES)
def test_an_evaluator_that_fails_is_recorded_as_a_failure_never_as_a_verdict(ask, name, provider, error):
    ask("SaysNormal", name)
    capture = make_capture()
    before = timezone.now()
    evaluate_next()
    assert state(capture) == {
        **UNJUDGED,
        "evaluation_status": EvaluationStatus.PENDING,
        "evaluation_attempts": 1,
        "reason": f"Could not be judged: {error}",
    }
    assert answers(capture) == [
        (1, "usability", "normal", ""),
        (1, "calm", "normal", ""),
        (1, provider, None, error),
    ]
    due = facts(capture, "evaluation_due_at")["evaluation_due_at"]
    assert before + FIRST_BACKOFF <= due <= timezone.now() + FIRST_BACKOFF


@pytest.mark.parametrize("fields", [{"verdict": "normal", "error": "No."}, {"verdict": None, "error": ""}])
def test_the_database_refuses_an_answer_that_is_both_or_neither(fields):
    capture = make_capture()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_evaluation(capture, **fields)
    assert not capture.evaluations.exists()


@pytest.mark.parametrize("status", sorted(set(EvaluationStatus) - {EvaluationStatus.COMPLETED}))
def test_the_database_refuses_a_verdict_on_what_is_not_judged(status):
    capture = make_capture()
    with pytest.raises(IntegrityError), transaction.atomic():
        Capture.unscoped.filter(pk=capture.pk).update(verdict="normal", evaluation_status=status)


def test_it_is_tried_five_times_further_and_further_apart_and_then_it_has_failed(ask):
    ask("Fails")
    capture = make_capture()
    for attempt, seconds in enumerate([5, 10, 20, 40, None], start=1):
        make_due(capture)
        before = timezone.now()
        assert evaluate_next()
        row = facts(capture, "evaluation_status", "evaluation_attempts", "evaluation_due_at")
        assert row["evaluation_attempts"] == attempt
        if seconds is None:
            assert row["evaluation_due_at"] is None
        else:
            # From its end on, however long the attempt took.
            assert before <= row["evaluation_due_at"] - timedelta(seconds=seconds) <= timezone.now()
            assert not evaluate_next()
    assert state(capture) == {
        **UNJUDGED,
        "evaluation_status": EvaluationStatus.FAILED,
        "evaluation_attempts": 5,
        "reason": "Could not be judged: The provider did not answer.",
    }
    assert facts(capture, "evaluation_due_at")["evaluation_due_at"] is None
    assert [row[0] for row in answers(capture) if row[1] == "unreachable"] == [1, 2, 3, 4, 5]
    assert not evaluate_next(now=timezone.now() + timedelta(days=365))


@pytest.mark.parametrize("failed_after", [1, 3, 5])
def test_what_failed_gets_a_new_round_when_asked_for(ask, failed_after):
    ask("Fails")
    failed, other = make_capture(), make_capture(verdict="abnormal")
    make_due(failed, evaluation_attempts=failed_after - 1)
    evaluate_next()
    Capture.unscoped.filter(pk=failed.pk).update(evaluation_status=EvaluationStatus.FAILED)
    before = Capture.unscoped.values().get(pk=other.pk)
    assert retry_failed(captures=Capture.unscoped.all()) == 1
    assert state(failed) == {**UNJUDGED, "evaluation_status": "pending", "evaluation_attempts": 5, "reason": ""}
    assert Capture.unscoped.values().get(pk=other.pk) == before
    for _ in range(MAX_ATTEMPTS - 1):
        make_due(failed)
        assert evaluate_next()
        assert state(failed)["evaluation_status"] == EvaluationStatus.PENDING
    ask("SaysNormal")
    make_due(failed)
    assert evaluate_next()
    assert (state(failed)["evaluation_attempts"], state(failed)["verdict"]) == (10, "normal")
    assert retry_failed(captures=Capture.unscoped.all()) == 0


def test_only_what_was_chosen_is_tried_again():
    chosen, other = (make_capture(evaluation_status="failed", evaluation_attempts=5) for _ in range(2))
    assert retry_failed(captures=Capture.unscoped.filter(pk=chosen.pk)) == 1
    assert (state(chosen)["evaluation_status"], state(other)["evaluation_status"]) == ("pending", "failed")


def test_those_due_the_longest_come_first_and_nothing_comes_before_its_time():
    now = timezone.now()
    later, sooner, waiting = (make_capture() for _ in range(3))
    for capture, seconds in ((later, -1), (sooner, -2), (waiting, 5)):
        Capture.unscoped.filter(pk=capture.pk).update(evaluation_due_at=now + timedelta(seconds=seconds))
    claimed = [claim_next(now=now), claim_next(now=now), claim_next(now=now)]
    assert claimed == [sooner, later, None]
    assert facts(sooner, "evaluation_status", "evaluation_due_at", "evaluation_attempts") == {
        "evaluation_status": EvaluationStatus.PROCESSING,
        "evaluation_due_at": now + LEASE,
        "evaluation_attempts": 1,
    }
    assert claim_next(now=now + timedelta(seconds=5)) == waiting


def test_a_lease_ends_by_itself_and_after_five_of_them_it_is_given_up():
    capture = make_capture()
    now = timezone.now()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert claim_next(now=now).evaluation_attempts == attempt
        assert claim_next(now=now + LEASE - timedelta(microseconds=1)) is None
        now += LEASE
    assert claim_next(now=now) is None
    assert state(capture) == {
        **UNJUDGED,
        "evaluation_status": EvaluationStatus.FAILED,
        "evaluation_attempts": 5,
        "reason": "Given up after 5 attempts.",
    }
    assert facts(capture, "evaluated_at")["evaluated_at"] == now
    retry_failed(captures=Capture.unscoped.all())
    assert claim_next(now=timezone.now()).evaluation_attempts == 6


def test_a_slow_worker_past_its_lease_records_nothing(ask):
    capture = make_capture()
    slow = claim_next(now=timezone.now())
    quick = claim_next(now=timezone.now() + LEASE)
    assert (slow, quick) == (capture, capture)
    evaluate_claimed(capture=slow)  # while the other is still at it
    assert (state(capture)["evaluation_status"], answers(capture)) == (EvaluationStatus.PROCESSING, [])
    ask("SaysAbnormal")
    evaluate_claimed(capture=quick)
    done = Capture.unscoped.values().get(pk=capture.pk)
    ask("SaysNormal")
    evaluate_claimed(capture=slow)  # after the other is done
    assert Capture.unscoped.values().get(pk=capture.pk) == done
    assert (done["verdict"], done["evaluation_attempts"]) == ("abnormal", 2)
    assert answers(capture) == [(2, "usability", "normal", ""), (2, "worried", "abnormal", "")]


def test_a_slow_worker_of_an_earlier_round_records_nothing(ask):
    capture = make_capture()
    slow = claim_next(now=timezone.now())
    Capture.unscoped.filter(pk=capture.pk).update(evaluation_status=EvaluationStatus.FAILED)
    retry_failed(captures=Capture.unscoped.all())
    claimed = claim_next(now=timezone.now())
    evaluate_claimed(capture=slow)
    assert (state(capture)["evaluation_status"], answers(capture)) == (EvaluationStatus.PROCESSING, [])
    evaluate_claimed(capture=claimed)
    assert state(capture)["verdict"] == "normal"


def test_a_picture_deleted_meanwhile_is_no_error():
    capture = make_capture()
    claimed = claim_next(now=timezone.now())
    Capture.unscoped.filter(pk=capture.pk).delete()
    evaluate_claimed(capture=claimed)
    assert (Capture.unscoped.count(), Evaluation.unscoped.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_judge_the_same_picture():
    captures = [make_capture() for _ in range(12)]

    def work(number: int) -> list[Capture]:
        claimed = iter(lambda: claim_next(now=timezone.now()), None)
        return list(claimed)

    first, second = at_once(work)
    assert sorted(capture.pk for capture in first + second) == sorted(capture.pk for capture in captures)
    assert set(Capture.unscoped.values_list("evaluation_status", "evaluation_attempts")) == {("processing", 1)}


# --- what cannot be read, or not be seen


def test_a_damaged_picture_has_failed_at_once_and_is_not_normal():
    capture = make_capture()
    default_storage.save(capture.storage_key, ContentFile(make_jpeg(7)[:400]))
    evaluate_next()
    row = state(capture)
    assert row == {
        **UNJUDGED,
        "evaluation_status": EvaluationStatus.FAILED,
        "evaluation_attempts": 1,
        "reason": row["reason"],
    }
    assert row["reason"].startswith("Could not be judged: The picture cannot be read: ")
    [(attempt, provider, verdict, error)] = answers(capture)
    assert (attempt, provider, verdict) == (1, "reader", None)
    assert error.startswith("The picture cannot be read: ")


def test_a_missing_file_is_tried_again_and_its_path_is_told_to_nobody():
    capture = make_capture()
    data = default_storage.open(capture.storage_key).read()
    default_storage.delete(capture.storage_key)
    evaluate_next()
    assert state(capture) == {
        **UNJUDGED,
        "evaluation_status": EvaluationStatus.PENDING,
        "evaluation_attempts": 1,
        "reason": "Could not be judged: No such file or directory",
    }
    default_storage.save(capture.storage_key, ContentFile(data))
    make_due(capture)
    evaluate_next()
    assert (state(capture)["verdict"], state(capture)["reason"]) == ("normal", "As usual.")


def flat(level: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), (level, level, level)).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("level", [0, 255, 128])
def test_a_picture_on_which_nothing_can_be_seen_is_uncertain_and_nobody_else_is_asked(level):
    capture = store(flat(level))
    evaluate_next()
    row = state(capture)
    assert (row["evaluation_status"], row["verdict"], row["usable"]) == ("completed", "uncertain", False)
    assert row["reason"]
    assert answers(capture) == [(1, "usability", "uncertain", "")]


# --- thumbnails, as the workers make them


def with_exif(size: tuple[int, int], orientation: int) -> bytes:
    """A picture, red on its left half, with a place (GPS), a maker and an orientation."""
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 0.0), 3: "E", 4: (8.0, 32.0, 0.0)})
    image = Image.effect_noise(size, 60).convert("RGB")
    image.paste((220, 20, 20), (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, quality=90)
    return out.getvalue()


@pytest.mark.parametrize(
    ("size", "orientation", "thumbnail_size", "red_at"),
    [
        ((1600, 1200), 1, (400, 300), "left"),
        ((1600, 1200), 3, (400, 300), "right"),
        ((1600, 1200), 6, (225, 300), "top"),
        ((1920, 1080), 1, (400, 225), "left"),
        ((300, 200), 1, (300, 200), "left"),
    ],
)
def test_a_thumbnail_is_small_upright_and_tells_no_place(size, orientation, thumbnail_size, red_at):
    capture = store(with_exif(size, orientation))
    evaluate_next()
    key = facts(capture, "thumbnail_key")["thumbnail_key"]
    assert key == capture.storage_key.removesuffix(".jpeg") + "_thumb.jpeg"
    data = default_storage.open(key).read()
    assert b"Exif" not in data
    assert b"SecretMaker" not in data
    with Image.open(io.BytesIO(data)) as thumbnail:
        assert (thumbnail.format, thumbnail.size, dict(thumbnail.getexif())) == ("JPEG", thumbnail_size, {})
        width, height = thumbnail.size
        middles = {
            "left": (width // 8, height // 2),
            "right": (width - width // 8, height // 2),
            "top": (width // 2, height // 8),
            "bottom": (width // 2, height - height // 8),
        }
        red = {
            side for side, at in middles.items() if thumbnail.getpixel(at)[0] > 150 > 2 * thumbnail.getpixel(at)[1]
        }
    assert red_at in red
    assert {"left": "right", "right": "left", "top": "bottom"}[red_at] not in red


def test_also_what_could_not_be_judged_has_its_thumbnail(ask):
    ask("Fails")
    capture = make_capture()
    evaluate_next()
    assert default_storage.exists(facts(capture, "thumbnail_key")["thumbnail_key"])


# --- waking the workers


@pytest.fixture
def workers(settings):
    settings.VISANT_WORKERS = 2
    tasks._waiting.clear()
    yield
    tasks._waiting.clear()


def wakes() -> int:
    return DBTaskResult.objects.count()


@pytest.mark.parametrize(("due", "woken"), [(0, 0), (1, 1), (2, 2), (5, 2)])
def test_as_many_wake_ups_wait_as_there_are_workers_or_due_pictures(workers, due, woken):
    make_capture(verdict="normal")
    for _ in range(due):
        make_capture()
    for _ in range(3):
        tasks.wake_workers()
        assert wakes() == woken


def test_a_wake_up_that_was_answered_makes_room_for_the_next(workers):
    for _ in range(3):
        make_capture()
    tasks.wake_workers()
    DBTaskResult.objects.first().set_successful(1)
    tasks.wake_workers()
    assert wakes() == 3


def test_a_lost_wake_up_is_sent_again_after_a_minute(workers):
    make_capture()
    tasks.wake_workers()
    tasks.wake_workers()
    assert wakes() == 1
    # Its worker was killed: it is running for ever.
    DBTaskResult.objects.update(status="RUNNING", enqueued_at=timezone.now() - tasks.FORGET_AFTER)
    tasks.wake_workers()
    assert wakes() == 2


def test_a_wake_up_that_was_pruned_is_no_error(workers):
    """A quiet day lies between two pictures, and what was finished is forgotten meanwhile."""
    make_capture()
    tasks.wake_workers()
    DBTaskResult.objects.all().delete()
    tasks.wake_workers()
    assert wakes() == 1


def test_a_woken_worker_judges_all_that_is_due(workers):
    captures = [make_capture() for _ in range(3)]
    assert tasks.evaluate_due.call() == 3
    assert {state(capture)["verdict"] for capture in captures} == {"normal"}
    assert tasks.evaluate_due.call() == 0


# --- real workers, one of them killed

PREPARE = """
import pathlib, sys
from captures.evaluation.tasks import evaluate_due
from captures.services import store_capture
from orgs import scope
from tests.builders import make_device, make_jpeg
with scope.across_organizations("a test"):
    store_capture(device=make_device()[0], data=make_jpeg(1))
evaluate_due.enqueue()
"""
TAKE_OVER = """
from django.utils import timezone
from captures.evaluation.services import evaluate_next
from captures.evaluation.tasks import evaluate_due
from captures.models import Capture
from orgs import scope
assert not evaluate_next(), "the lease of the dead worker still holds"
with scope.across_organizations("a test"):
    Capture.unscoped.update(evaluation_due_at=timezone.now())
evaluate_due.enqueue()
"""
WORKER = [sys.executable, "manage.py", "db_worker", "--no-startup-delay", "--interval", "0.1"]


@pytest.mark.django_db(transaction=True)
def test_of_a_worker_killed_in_the_middle_another_takes_over_and_one_result_is_recorded(tmp_path):
    began = tmp_path / "began"
    extra = {"VISANT_EVALUATORS": f"{HERE}.Waits", "VISANT_TEST_BEGAN": str(began)}
    with Server(tmp_path / "var", **extra) as server:
        server.manage("shell", "--no-imports", "-c", PREPARE)
        worker = subprocess.Popen(WORKER, cwd=BASE_DIR, env=server.environment, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while not began.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert began.exists()
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        query = "SELECT evaluation_status, evaluation_attempts, verdict FROM captures_capture"
        assert server.rows(query) == [("processing", 1, None)]
        assert server.rows("SELECT provider FROM captures_evaluation") == []
        server.manage("shell", "--no-imports", "-c", TAKE_OVER)
        subprocess.run(
            [*WORKER, "--batch"],
            cwd=BASE_DIR,
            env=server.environment,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
        assert server.rows(query) == [("completed", 2, "normal")]
        assert sorted(server.rows("SELECT attempt, provider, verdict FROM captures_evaluation")) == [
            (2, "slow", "normal"),
            (2, "usability", "normal"),
        ]
        # The wake-up of the dead worker stays as it fell; the truth was never in it.
        assert sorted(server.rows("SELECT status FROM django_tasks_database_dbtaskresult")) == [
            ("RUNNING",),
            ("SUCCESSFUL",),
        ]
