"""Which pictures a camera is compared with."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from captures.evaluation.references import REFERENCES_KEPT, REFERENCES_NEEDED, active_definition, context_of
from captures.evaluation.verdicts import MARKED_ENOUGH, Context
from captures.models import Capture
from tests.builders import MOMENT, make_capture, make_definition, make_device, make_label
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
SQUARE = [[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]]


@pytest.fixture
def device():
    return make_device()[0]


def make_usable(device, count: int, *, after: float = 0) -> list[Capture]:
    """Pictures a minute apart, the first ``after`` minutes after MOMENT."""
    return [
        make_capture(device, minutes=after + number, verdict="uncertain", usable=True) for number in range(count)
    ]


def context(capture: Capture) -> Context:
    return context_of(capture, active_definition(capture))


def shown(capture: Capture) -> list[str]:
    """The references of a picture, by their bytes."""
    return [picture.sha256 for picture in context(capture).references()]


def hashes(captures: list[Capture]) -> list[str]:
    return [capture.sha256 for capture in captures]


def test_the_first_usable_pictures_of_the_camera_are_its_references(device):
    unusable = make_capture(device, minutes=-1, verdict="uncertain", usable=False)
    unjudged = make_capture(device, minutes=-2)
    usable = make_usable(device, REFERENCES_NEEDED + 2)
    make_usable(make_device(device.org)[0], 3, after=-10)
    newest = make_capture(device, minutes=100)
    assert shown(newest) == hashes(usable[:REFERENCES_NEEDED])
    told = context(newest)
    assert (told.reference_count, told.references_needed, told.marked_count) == (20, 20, 0)
    assert told.is_learning is False
    assert {unusable.sha256, unjudged.sha256}.isdisjoint(shown(newest))


def test_a_camera_with_fewer_is_learning(device):
    usable = make_usable(device, REFERENCES_NEEDED - 1)
    newest = make_capture(device, minutes=100)
    told = context(newest)
    assert (shown(newest), told.reference_count, told.is_learning) == (hashes(usable), 19, True)


def test_a_picture_is_not_its_own_reference(device):
    first, second, third = make_usable(device, 3)
    assert shown(first) == hashes([second, third])
    make_label(first, "normal", reference=True)
    assert shown(first) == hashes([second, third])
    assert shown(second) == hashes([first, third])


def test_what_a_person_called_abnormal_is_left_out(device):
    usable = make_usable(device, 4)
    make_label(usable[1], "abnormal")
    make_label(usable[2], "normal", reference=False)
    newest = make_capture(device, minutes=100)
    assert shown(newest) == hashes([usable[0], usable[2], usable[3]])


def test_those_that_people_marked_come_first_the_latest_mark_before_the_others(device):
    usable = make_usable(device, 6)
    for capture in (usable[4], usable[1]):
        make_label(capture, "normal", reference=True)
    newest = make_capture(device, minutes=100)
    told = context(newest)
    assert shown(newest) == hashes([usable[1], usable[4], usable[0], usable[2], usable[3], usable[5]])
    assert (told.marked_count, told.reference_count) == (2, 6)


def test_enough_marked_ones_are_enough(device):
    usable = make_usable(device, MARKED_ENOUGH + 3)
    for capture in usable[:MARKED_ENOUGH]:
        make_label(capture, "normal", reference=True)
    newest = make_capture(device, minutes=100)
    told = context(newest)
    assert shown(newest) == hashes(usable[:MARKED_ENOUGH][::-1])
    assert (told.marked_count, told.reference_count, told.is_learning) == (5, 5, False)


def test_no_more_marked_ones_than_needed_are_kept_the_latest(device):
    usable = make_usable(device, REFERENCES_KEPT + 2)
    for capture in usable:
        make_label(capture, "normal", reference=True)
    newest = make_capture(device, minutes=100)
    assert shown(newest) == hashes(usable[2:][::-1])


def test_only_pictures_from_the_definitions_moment_on_count(device):
    usable = make_usable(device, 6)
    make_label(usable[0], "normal", reference=True)
    make_label(usable[5], "normal", reference=True)
    make_definition(device, references_from=MOMENT + timedelta(minutes=3))
    newest = make_capture(device, minutes=100)
    assert shown(newest) == hashes([usable[5], usable[3], usable[4]])
    assert context(newest).marked_count == 1


def test_the_regions_are_those_of_the_active_definition(device):
    make_definition(device, regions=SQUARE)
    make_definition(device, ignore_regions=SQUARE)
    told = context(make_capture(device))
    assert told.regions == ()
    assert told.ignore_regions == ([(0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.1, 0.5)],)


def test_the_key_changes_with_everything_that_is_learnt_from(device):
    usable = make_usable(device, 3)
    newest = make_capture(device, minutes=100)
    keys = [context(newest).references_key]
    assert context(newest).references_key == keys[0]
    steps = [
        lambda: make_usable(device, 1, after=10),
        lambda: make_label(usable[0], "normal", reference=True),  # it was the first already, and now is trusted
        lambda: make_label(usable[1], "abnormal"),
        lambda: make_definition(device, regions=SQUARE),
        lambda: make_definition(device, ignore_regions=SQUARE),
        lambda: make_definition(device, references_from=MOMENT + timedelta(minutes=1)),
    ]
    for step in steps:
        step()
        keys.append(context(newest).references_key)
    assert len(set(keys)) == len(steps) + 1
    other = make_capture(make_device(device.org)[0])
    assert context(other).references_key not in keys


def test_the_previous_picture_is_the_cameras_last_one_before(device):
    first, second, third = (make_capture(device, minutes=minutes) for minutes in (0, 1, 2))
    make_capture(make_device(device.org)[0], minutes=1.5)
    assert context(third).previous().sha256 == second.sha256
    assert context(first).previous() is None
    default_storage.delete(second.storage_key)
    assert context(third).previous() is None


def test_pictures_are_read_only_when_asked_for_and_a_missing_one_is_left_out(device):
    usable = make_usable(device, 2)
    newest = make_capture(device, minutes=100)
    told = context(newest)
    default_storage.delete(usable[0].storage_key)
    assert told.reference_count == 2
    assert [picture.sha256 for picture in told.references()] == [usable[1].sha256]


def test_a_context_costs_as_many_queries_for_many_references_as_for_few(device):
    make_usable(device, 1)
    newest = make_capture(device, minutes=100)
    few = len(statements_of(lambda: context(newest)))
    make_usable(device, 9, after=10)
    assert len(statements_of(lambda: context(newest))) == few
