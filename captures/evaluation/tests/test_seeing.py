"""Whether a camera's pictures can be used is told by the newest that was looked at."""

import pytest

from captures.evaluation.seeing import note_seen
from captures.models import EvaluationStatus
from devices.models import Device, DeviceStatus
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db
DONE = EvaluationStatus.COMPLETED


def usability(device: Device) -> tuple:
    return DeviceStatus.unscoped.values_list("usable", "usable_since", "usable_reason").get(device=device)


def test_a_back_filled_picture_does_not_change_what_a_newer_one_showed():
    device, _ = make_device()
    newest = make_capture(device, minutes=10, verdict="normal")
    note_seen(newest, status=DONE, usable=True, reason="All fine.")
    older = make_capture(device, minutes=0, verdict="uncertain")
    note_seen(older, status=DONE, usable=False, reason="It is black.")
    assert usability(device) == (True, newest.captured_at, "")


def test_when_the_newest_judged_picture_came_is_noted_and_what_is_only_passed_over_is_not():
    device, _ = make_device()
    seen = make_capture(device, minutes=0, verdict="normal")
    note_seen(seen, status=DONE, usable=True, reason="")
    skipped = make_capture(device, minutes=10)
    note_seen(skipped, status=EvaluationStatus.SKIPPED, usable=None, reason="The month is used up.")
    assert DeviceStatus.unscoped.get(device=device).usable_seen_at == seen.received_at


def test_a_newer_picture_that_nobody_looked_at_yet_does_not_count():
    device, _ = make_device()
    make_capture(device, minutes=10)
    seen = make_capture(device, minutes=0, verdict="uncertain")
    note_seen(seen, status=DONE, usable=False, reason="It is black.")
    assert usability(device) == (False, seen.captured_at, "It is black.")


def test_a_failure_is_never_a_good_picture_and_a_further_attempt_no_news():
    device, _ = make_device()
    capture = make_capture(device)
    note_seen(capture, status=DONE, usable=True, reason="")
    note_seen(capture, status=EvaluationStatus.PENDING, usable=None, reason="Could not be judged: busy")
    assert usability(device)[0] is True
    note_seen(capture, status=EvaluationStatus.FAILED, usable=None, reason="x")
    assert usability(device) == (None, capture.captured_at, "Its newest picture could not be judged.")
    note_seen(capture, status=EvaluationStatus.SKIPPED, usable=None, reason="The month is used up.")
    assert usability(device)[2] == "Its newest picture was not judged: The month is used up."
