"""What people teach: labels, references, and versions of what is normal."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from captures.evaluation.models import Definition, Label
from captures.evaluation.teaching import (
    LONGEST_TEXT,
    InvalidDefinition,
    InvalidLabel,
    change_definition,
    is_reference,
    label_capture,
    learn_again,
)
from captures.models import Capture
from tests.builders import MOMENT, make_capture, make_definition, make_device, make_label, make_member, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
SQUARE = [[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]]
GATE = [[[0.6, 0.6], [0.9, 0.6], [0.9, 0.9], [0.6, 0.9]]]


def test_a_label_says_who_and_when():
    capture = make_capture(verdict="abnormal", usable=True)
    ann = make_member(capture.org)
    before = timezone.now()
    label = label_capture(capture=capture, verdict="normal", acting_user=ann)
    label.refresh_from_db()
    assert (label.org, label.device, label.capture) == (capture.org, capture.device, capture)
    assert (label.verdict, label.reference, label.created_by) == ("normal", True, ann)
    assert before <= label.created_at <= timezone.now()


@pytest.mark.parametrize(
    ("judged", "said", "wish", "reference"),
    [
        ("abnormal", "normal", None, True),
        ("uncertain", "normal", None, True),
        (None, "normal", None, True),
        ("normal", "normal", None, False),
        ("normal", "abnormal", None, False),
        ("abnormal", "abnormal", None, False),
        ("abnormal", "normal", False, False),
        ("normal", "normal", True, True),
        ("abnormal", "abnormal", False, False),
    ],
)
def test_a_picture_called_normal_is_a_reference_when_there_is_something_to_learn(judged, said, wish, reference):
    capture = make_capture(verdict=judged) if judged else make_capture()
    label = make_label(capture, said, reference=wish)
    assert (label.verdict, label.reference, is_reference(capture)) == (said, reference, reference)


def test_the_latest_word_counts_and_there_is_one():
    capture = make_capture(verdict="abnormal", usable=True)
    bob = make_member(capture.org)
    first = make_label(capture, "normal")
    second = label_capture(capture=capture, verdict="abnormal", acting_user=bob)
    assert list(Label.unscoped.all()) == [second] == [first]
    second.refresh_from_db()
    assert (second.verdict, second.reference, second.created_by) == ("abnormal", False, bob)
    assert second.created_at > first.created_at


def test_a_reference_stays_one_when_it_is_called_normal_again():
    capture = make_capture(verdict="normal", usable=True)
    make_label(capture, "normal", reference=True)
    assert make_label(capture, "normal").reference is True
    assert make_label(capture, "normal", reference=False).reference is False
    assert make_label(capture, "normal").reference is False


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verdict": "uncertain"}, "A picture is labelled normal or abnormal."),
        ({"verdict": ""}, "A picture is labelled normal or abnormal."),
        ({"verdict": "abnormal", "reference": True}, "Only a normal picture can be a reference."),
        ({"verdict": "normal", "reference": True}, "on which nothing can be seen cannot be a reference"),
        ({"verdict": "normal"}, "on which nothing can be seen cannot be a reference"),
    ],
)
def test_a_label_is_refused_with_a_sentence_and_the_old_one_stays(fields, sentence):
    capture = make_capture(verdict="uncertain", usable=False)
    make_label(capture, "abnormal")
    before = Label.unscoped.values().get()
    with pytest.raises(InvalidLabel, match=sentence):
        label_capture(capture=capture, acting_user=owner_of(capture.org), **fields)
    assert Label.unscoped.values().get() == before


@pytest.mark.parametrize("fields", [{"verdict": "uncertain"}, {"verdict": "abnormal", "reference": True}])
def test_the_database_refuses_such_a_label_too(fields):
    label = make_label(make_capture(verdict="normal"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Label.unscoped.filter(pk=label.pk).update(**fields)


def test_a_label_leaves_the_verdict_of_the_evaluators_as_it_is():
    capture = make_capture(verdict="abnormal", score=0.9, usable=True)
    before = Capture.unscoped.values().get()
    make_label(capture, "normal")
    assert Capture.unscoped.values().get() == before


def change(device, **fields) -> Definition:
    given = {"text": "Empty yard.", "regions": SQUARE, "ignore_regions": [], **fields}
    return change_definition(device=device, acting_user=owner_of(device.org), **given)


def test_a_definition_is_the_first_version_and_active():
    device, _ = make_device()
    definition = change(device, ignore_regions=GATE)
    definition.refresh_from_db()
    assert (definition.org, definition.device, definition.created_by) == (device.org, device, owner_of(device.org))
    assert (definition.version, definition.active, definition.references_from) == (1, True, None)
    assert (definition.text, definition.regions, definition.ignore_regions) == ("Empty yard.", SQUARE, GATE)


def test_a_change_is_a_new_version_and_used_ones_stay_as_they_were():
    device, _ = make_device()
    first = change(device)
    capture = make_capture(device, verdict="normal", definition=first)
    before = Definition.unscoped.values().get(pk=first.pk)
    second = change(device, text="A lorry may stand there.", regions=GATE)
    after = Definition.unscoped.values().get(pk=first.pk)
    assert after == {**before, "active": False}
    assert (second.version, second.text, list(device.definitions.filter(active=True))) == (
        2,
        "A lorry may stand there.",
        [second],
    )
    capture.refresh_from_db()
    assert capture.definition == first
    with pytest.raises(ProtectedError):
        first.delete()


def test_versions_are_counted_for_each_camera():
    first, second = make_device()[0], make_device()[0]
    assert [change(first).version, change(second).version, change(first).version] == [1, 1, 2]


def test_the_moment_from_which_references_count_is_kept_until_another_is_said():
    device, _ = make_device()
    assert change(device, references_from=MOMENT).references_from == MOMENT
    assert change(device, text="Other.").references_from == MOMENT
    later = MOMENT + timedelta(days=1)
    assert change(device, references_from=later).references_from == later


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"text": "x" * (LONGEST_TEXT + 1)}, "The text has 4001 characters; at most 4000 are allowed."),
        ({"regions": "everywhere"}, "Regions: Regions must be a list of polygons."),
        ({"regions": [[[0, 0], [1, 1]]]}, "^Regions: Polygon 1 has 2 points; at least 3 are needed."),
        ({"ignore_regions": [[[0, 0], [2, 0], [1, 1]]]}, "Ignore regions: Polygon 1"),
        ({"regions": [[]] * 21}, "at most 20 are allowed"),
    ],
)
def test_a_definition_is_refused_and_the_active_one_stays(fields, sentence):
    device, _ = make_device()
    active = change(device)
    before = Definition.unscoped.values().get()
    with pytest.raises(InvalidDefinition, match=sentence):
        change(device, **fields)
    assert Definition.unscoped.values().get() == before
    assert list(device.definitions.filter(active=True)) == [active]


@pytest.mark.parametrize("text", ["", "x" * LONGEST_TEXT])
def test_a_text_may_be_empty_or_as_long_as_allowed(text):
    assert change(make_device()[0], text=text).text == text


def test_the_database_keeps_one_active_version():
    device, _ = make_device()
    first = change(device)
    change(device)
    with pytest.raises(IntegrityError), transaction.atomic():
        Definition.unscoped.filter(pk=first.pk).update(active=True)


@pytest.mark.django_db(transaction=True)
def test_two_editors_at_once_make_two_versions():
    device, _ = make_device()
    make_definition(device)
    made = at_once(lambda number: make_definition(device, text=f"Of editor {number}."))
    assert sorted(definition.version for definition in made) == [2, 3]
    assert list(device.definitions.filter(active=True).values_list("version", flat=True)) == [3]


def test_learning_again_keeps_what_is_normal_and_forgets_the_pictures():
    device, _ = make_device()
    change(device, ignore_regions=GATE, references_from=MOMENT)
    before = timezone.now()
    again = learn_again(device=device, acting_user=owner_of(device.org))
    assert (again.version, again.text, again.regions, again.ignore_regions) == (2, "Empty yard.", SQUARE, GATE)
    assert before <= again.references_from <= timezone.now()


def test_a_camera_without_a_definition_learns_again_too():
    device, _ = make_device()
    again = learn_again(device=device, acting_user=owner_of(device.org))
    assert (again.version, again.text, again.regions, again.ignore_regions) == (1, "", [], [])
    assert again.references_from is not None
