"""The admin of the archive: found by what identifies a row, looked at, changed by nobody."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from captures.evaluation.models import Definition, Evaluation, Label
from captures.models import Capture, EvaluationStatus
from orgs.readonly import CappedPaginator
from tests.builders import (
    make_capture,
    make_definition,
    make_device,
    make_evaluation,
    make_label,
    make_operator,
    make_org,
)
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
MODELS = {"capture": Capture, "evaluation": Evaluation, "definition": Definition, "label": Label}
ARCHIVE = ["capture", "evaluation"]


@pytest.fixture
def operator(client) -> Client:
    client.force_login(make_operator())
    return client


def make_judged(device=None) -> Capture:
    """A capture with a row of each kind about it."""
    capture = make_capture(device, verdict="normal", score=0.1)
    definition = make_definition(capture.device)
    make_evaluation(capture, definition=definition)
    make_label(capture)
    return capture


def list_url(name: str) -> str:
    return reverse(f"admin:captures_{name}_changelist")


def found(client: Client, name: str, **query: str) -> list:
    page = client.get(list_url(name), query)
    assert page.status_code == 200
    return list(page.context["cl"].result_list)


@pytest.mark.parametrize("name", MODELS)
def test_list_and_detail_open(operator, name):
    capture = make_judged()
    row = MODELS[name].unscoped.get()
    assert found(operator, name) == [row]
    detail = operator.get(reverse(f"admin:captures_{name}_change", args=[row.pk]))
    assert detail.status_code == 200
    assert str(capture.device) in detail.content.decode() or str(capture) in detail.content.decode()


@pytest.mark.parametrize("name", MODELS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(operator, name):
    make_judged()
    few = len(statements_of(lambda: operator.get(list_url(name))))
    for _ in range(4):
        make_judged()
    assert len(statements_of(lambda: operator.get(list_url(name)))) == few


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_added_changed_or_deleted_here(operator, name):
    make_judged()
    row = MODELS[name].unscoped.get()
    before = MODELS[name].unscoped.values().get()
    for view, args in (("add", []), ("change", [row.pk]), ("delete", [row.pk])):
        url = reverse(f"admin:captures_{name}_{view}", args=args)
        assert operator.post(url, {"verdict": "abnormal", "post": "yes"}).status_code == 403
    operator.post(list_url(name), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert MODELS[name].unscoped.values().get() == before


@pytest.mark.parametrize("name", MODELS)
def test_search_finds_by_camera_and_organization(operator, name):
    capture = make_judged(make_device(make_org("Harbour"))[0])
    make_judged(make_device(make_org("Airport"))[0])
    row = MODELS[name].unscoped.get(device=capture.device) if name != "evaluation" else capture.evaluations.get()
    by_camera = {} if name == "label" else {str(capture.device_id): [row]}
    for term, rows in {capture.org.slug: [row], "nothing": [], **by_camera}.items():
        assert found(operator, name, q=term) == rows, term


@pytest.mark.parametrize("name", ARCHIVE)
def test_a_record_id_that_looks_like_an_id_is_found_too(operator, name):
    capture, other = make_judged(), make_judged()
    Capture.unscoped.filter(pk=other.pk).update(record_id=str(capture.pk))
    rows = found(operator, name, q=f" {capture.pk} ")
    assert {row.pk if name == "capture" else row.capture_id for row in rows} == {capture.pk, other.pk}


@pytest.mark.parametrize("name", ARCHIVE)
def test_lists_narrow_by_what_was_found(operator, name):
    capture = make_judged()
    failed = make_capture(evaluation_status=EvaluationStatus.FAILED)
    make_evaluation(failed, verdict=None, error="No answer.")
    wanted = {"capture": failed, "evaluation": failed.evaluations.get()}[name]
    query = {"capture": {"evaluation_status__exact": "failed"}, "evaluation": {"error__isempty": "0"}}[name]
    assert found(operator, name, **query) == [wanted]
    assert found(operator, name, verdict__exact="normal") == [
        capture if name == "capture" else capture.evaluations.get()
    ]


@pytest.mark.parametrize("name", ARCHIVE)
def test_the_archive_is_never_counted_to_its_end(operator, name, monkeypatch):
    for _ in range(3):
        make_judged()
    statements = statements_of(lambda: operator.get(list_url(name), {"q": "nothing"}))
    statements += statements_of(lambda: operator.get(list_url(name)))
    counts = [sql for sql in statements if "COUNT(" in sql.upper()]
    assert counts
    assert [sql for sql in counts if "LIMIT 10000" not in sql] == []
    monkeypatch.setattr(CappedPaginator, "most", 2)
    assert operator.get(list_url(name)).context["cl"].result_count == 2


@pytest.mark.parametrize("name", ARCHIVE)
def test_the_archive_is_sorted_by_its_key_alone(operator, name):
    for _ in range(3):
        make_judged()
    newest_first = list(MODELS[name].unscoped.order_by("-pk"))
    assert found(operator, name) == newest_first
    assert "sortable" not in operator.get(list_url(name)).content.decode()


def retry(client: Client, *captures: Capture):
    action = {"action": "retry", "_selected_action": [capture.pk for capture in captures]}
    return client.post(list_url("capture"), action, follow=True)


def test_what_failed_is_judged_again_and_nothing_else(operator):
    failed = make_capture(evaluation_status=EvaluationStatus.FAILED, evaluation_attempts=5, evaluation_due_at=None)
    judged = make_capture(verdict="abnormal")
    page = retry(operator, failed, judged)
    assert "To be judged again: 1." in page.content.decode()
    failed.refresh_from_db()
    assert failed.evaluation_status == EvaluationStatus.PENDING
    assert failed.evaluation_due_at is not None
    judged.refresh_from_db()
    assert (judged.evaluation_status, judged.verdict) == (EvaluationStatus.COMPLETED, "abnormal")


def test_an_operator_who_may_only_look_has_nothing_judged_again(client):
    failed = make_capture(evaluation_status=EvaluationStatus.FAILED, evaluation_attempts=5, evaluation_due_at=None)
    viewer = make_operator(is_superuser=False)
    viewer.user_permissions.add(Permission.objects.get(codename="view_capture"))
    client.force_login(viewer)
    retry(client, failed)
    failed.refresh_from_db()
    assert failed.evaluation_status == EvaluationStatus.FAILED
