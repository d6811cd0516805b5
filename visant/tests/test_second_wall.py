"""The second wall: on PostgreSQL the database itself shows nobody another organization's rows."""

import threading
from collections.abc import Callable
from typing import ClassVar

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection, models, transaction
from django.test import Client
from django.utils import timezone

from captures.evaluation.services import claim_next, evaluate_next, evaluators
from captures.evaluation.verdicts import Verdict
from captures.models import Capture
from orgs import scope
from orgs.ids import uuid7
from orgs.models import AuditEntry, Membership, Role
from orgs.policies import CONDITION, POLICY
from orgs.tenancy import TenantModel
from tests.builders import (
    logged_in,
    make_capture,
    make_definition,
    make_device,
    make_evaluation,
    make_label,
    make_link,
    make_org,
    owner_of,
)
from tests.queries import prepare_plans

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no row-level security"),
]


def fetch(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def fail_after(call: Callable[[], object]) -> None:
    call()
    raise ZeroDivisionError


def everything_of_an_organization() -> Capture:
    """A row in every table that pictures bring with them."""
    capture = make_capture(verdict="uncertain")
    make_definition(capture.device)
    make_label(capture)
    make_evaluation(capture)
    make_link(capture)
    return capture


# --- every table


def test_every_table_with_an_organization_is_protected_and_so_is_its_owner():
    """Also one that no model of ours knows: what has the column must have the policy, and only that one."""
    with_column = fetch("SELECT table_name FROM information_schema.columns WHERE column_name = 'org_id'")
    tenants = {model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)}
    assert {name for (name,) in with_column} == tenants
    protected = fetch(
        "SELECT relname, polname, polcmd, polpermissive, polroles::text FROM pg_class "
        "JOIN pg_policy ON polrelid = pg_class.oid WHERE relrowsecurity AND relforcerowsecurity"
    )
    assert sorted(protected) == sorted((table, POLICY, "*", True, "{0}") for table in tenants)


def test_nothing_copies_protected_rows_to_where_no_policy_is():
    assert (
        fetch(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE relkind IN ('v', 'm', 'p', 'f') AND nspname = 'public'"
        )
        == []
    )
    assert (
        fetch(
            "SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
            "WHERE prosecdef AND nspname = 'public'"
        )
        == []
    )


def test_the_tests_run_as_a_role_that_policies_bind():
    assert fetch("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False, False)]


TABLES = [model for model in apps.get_models() if issubclass(model, TenantModel)]


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_unfiltered_queries_see_their_own_organization_only(model):
    """In every table that has rows: by the ORM, by raw SQL, by an aggregate, in a subquery and by UPDATE."""
    ours, theirs = everything_of_an_organization(), everything_of_an_organization()
    table = model._meta.db_table
    rows = {org: model.unscoped.filter(org=org).count() for org in (ours.org_id, theirs.org_id)}
    with scope.within(ours.org_id):
        assert set(model.unscoped.values_list("org_id", flat=True)) <= {ours.org_id}
        assert fetch(f"SELECT count(*) FROM {table}") == [(rows[ours.org_id],)]
        inside = f"SELECT count(*) FROM (SELECT * FROM {table} OFFSET 0) t WHERE org_id = %s"
        assert fetch(inside, theirs.org_id) == [(0,)]
        if model is not AuditEntry:  # it takes no UPDATE at all
            assert model.unscoped.filter(org=theirs.org_id).update(org_id=theirs.org_id) == 0
    with scope.nothing():
        assert not model.unscoped.exists()
        assert fetch(f"SELECT count(*) FROM {table}") == [(0,)]
    assert model.unscoped.count() >= sum(rows.values())


def test_the_tables_looked_at_have_rows_to_hide():
    everything_of_an_organization()
    assert {model.__name__ for model in TABLES if model.unscoped.exists()} >= {
        *("Membership", "AuditEntry", "Device", "DeviceKey", "DeviceStatus"),
        *("Capture", "Definition", "Label", "Evaluation", "ShareLink"),
    }


def test_no_row_is_written_into_another_organization():
    ours, theirs = everything_of_an_organization(), everything_of_an_organization()
    own_device = ours.device
    with scope.within(ours.org_id):
        for write in (
            lambda: theirs.org.devices.create(name="Stowaway"),
            lambda: own_device.__class__.unscoped.filter(pk=own_device.pk).update(org_id=theirs.org_id),
            lambda: Membership.unscoped.create(org=theirs.org, user=owner_of(ours.org), role=Role.OWNER),
            lambda: fetch("UPDATE captures_capture SET org_id = %s RETURNING id", theirs.org_id),
            lambda: fetch(
                "INSERT INTO devices_device (id, org_id, name, created_at) SELECT %s, %s, 'x', now() RETURNING id",
                uuid7(),
                theirs.org_id,
            ),
        ):
            with pytest.raises(ProgrammingError, match="row-level security policy"), transaction.atomic():
                write()
        assert Capture.unscoped.all().delete()[0] > 0  # an unfiltered DELETE takes its own rows only
    assert list(Capture.unscoped.all()) == [theirs]
    assert theirs.org.devices.count() == 1


def test_without_a_scope_nothing_is_written():
    org = make_org()
    with scope.nothing(), pytest.raises(ProgrammingError, match="row-level security policy"), transaction.atomic():
        org.devices.create(name="Nobody's")


def test_rows_cannot_be_copied_in_past_the_policy():
    statement = "COPY devices_device (id, org_id, name, created_at) FROM STDIN"
    with scope.within(make_org().pk), connection.cursor() as cursor, transaction.atomic():
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="row-level security"):
            cursor.copy(statement).__enter__()
        transaction.set_rollback(True)


# --- through whole requests, whose views forgot every filter


@pytest.mark.urls("tests.forgetful")
def test_a_page_without_any_filter_shows_its_own_rows():
    ours, theirs = make_capture(), make_capture()
    for org in (ours.org, theirs.org):
        client = logged_in(owner_of(org))
        assert client.get("/test/page").json() == {"seen": [str(org.pk)]}
        assert b"".join(client.get("/test/stream").streaming_content).decode() == f"{org.pk} "


@pytest.mark.urls("tests.forgetful")
def test_an_api_view_without_any_filter_shows_its_own_rows():
    device, key = make_device()
    make_capture(device), make_capture()
    answer = Client().get("/test/device/sees", headers={"X-API-Key": key})
    assert answer.json() == {"seen": [str(device.org_id)]}


@pytest.mark.urls("tests.forgetful")
def test_who_is_not_identified_sees_no_rows():
    capture = make_capture()
    assert Client().get("/test/nobody").json() == {"seen": []}
    # Logged in, but the view asked for no organization: what is streamed later sees nothing, either.
    client = logged_in(owner_of(capture.org))
    assert b"".join(client.get("/test/stream-of-nobody").streaming_content) == b""


class Onlooker:
    """An evaluator that notes which pictures the database shows while it judges."""

    name, version = "onlooker", "1"
    seen: ClassVar[list[set[Capture]]] = []

    def evaluate(self, picture, context):
        self.seen.append(set(Capture.unscoped.all()))
        return Verdict("normal", 0.0, "Looked on.")


def test_a_worker_judges_under_the_scope_of_the_picture_it_took(settings):
    settings.VISANT_EVALUATORS = [f"{__name__}.Onlooker"]
    evaluators.cache_clear()
    first, second = make_capture(), make_capture()
    Onlooker.seen.clear()
    with scope.nothing():
        assert evaluate_next()
        assert evaluate_next()
        assert not Capture.unscoped.exists()
    evaluators.cache_clear()
    assert Onlooker.seen == [{first}, {second}]


# --- the scope and the connection


def test_a_rollback_does_not_bring_an_earlier_scope_back():
    ours, theirs = make_capture(), make_capture()
    with scope.within(ours.org_id):
        assert list(Capture.unscoped.all()) == [ours]
        with transaction.atomic():
            with scope.within(theirs.org_id):
                assert list(Capture.unscoped.all()) == [theirs]
            transaction.set_rollback(True)
        assert list(Capture.unscoped.all()) == [ours]


def test_a_savepoint_rolled_back_by_an_error_does_not_bring_it_back():
    ours, theirs = make_capture(), make_capture()
    with scope.within(ours.org_id):
        assert list(Capture.unscoped.all()) == [ours]
        with scope.within(theirs.org_id):
            with pytest.raises(ZeroDivisionError), transaction.atomic(), scope.within(ours.org_id):
                fail_after(lambda: Capture.unscoped.get(pk=ours.pk))
            assert list(Capture.unscoped.all()) == [theirs]
            with pytest.raises(DatabaseError), transaction.atomic(), scope.within(ours.org_id):
                fetch("SELECT 1 / 0")
            assert list(Capture.unscoped.all()) == [theirs]
        assert list(Capture.unscoped.all()) == [ours]


def test_a_cursor_made_under_one_scope_asks_under_the_one_that_holds():
    ours, theirs = make_capture(), make_capture()
    with scope.within(ours.org_id):
        cursor = connection.cursor()
    with cursor:
        for capture in (theirs, ours):
            with scope.within(capture.org_id):
                cursor.execute("SELECT id FROM captures_capture")
                assert cursor.fetchall() == [(capture.pk,)]
        with scope.nothing():
            cursor.execute("SELECT id FROM captures_capture")
            assert cursor.fetchall() == []


def test_rows_taken_one_by_one_are_those_of_where_the_taking_began():
    device, _ = make_device()
    ours = [make_capture(device, minutes=minutes) for minutes in range(3)]
    theirs = make_capture()
    with scope.within(device.org_id):
        rows = Capture.unscoped.order_by("pk").iterator(chunk_size=1)
        first = next(rows)
    with scope.within(theirs.org_id):
        assert [first, *rows] == ours


def test_a_lazy_query_is_asked_under_the_scope_in_which_it_is_read():
    ours, theirs = make_capture(), make_capture()
    with scope.within(ours.org_id):
        rows = Capture.unscoped.all()
    with scope.within(theirs.org_id):
        assert list(rows) == [theirs]


def test_a_thread_begins_with_nothing():
    make_capture()
    found = []
    thread = threading.Thread(target=lambda: found.append(scope.current()))
    thread.start()
    thread.join()
    assert found == [scope.NOTHING]


def test_a_block_that_fails_gives_back_what_held_before():
    org_id = make_org().pk
    with scope.nothing():
        with pytest.raises(ZeroDivisionError), scope.within(org_id), scope.across_organizations("a test"):
            raise ZeroDivisionError
        assert scope.current() == scope.NOTHING
        with pytest.raises(ZeroDivisionError), scope.nothing():
            fail_after(lambda: scope.enter_all("a test"))
        assert scope.current() == scope.NOTHING


# --- the plans of the queries that must stay fast


MANY = 3000


@pytest.fixture
def archive():
    """Two organizations with some thousands of pictures each; of the first, a camera."""
    devices = [make_device()[0], make_device()[0]]
    for device in devices:
        fetch(
            """
            INSERT INTO captures_capture (id, org_id, device_id, record_id, captured_at, received_at, storage_key,
              byte_size, sha256, thumbnail_key, content_type, width, height, trigger_label, trigger_id, metadata,
              hold, evaluation_status, verdict, evaluation_due_at, evaluation_attempts, reason, not_judged)
            SELECT gen_random_uuid(), %s, %s, n, now() - n * interval '1 minute', now(), %s || '/' || n, 1, n, '',
              'image/jpeg', 1, 1, '', '', '{}', false,
              CASE WHEN n = 1 THEN 'pending' WHEN n %% 10 = 0 THEN 'completed' ELSE 'skipped' END,
              CASE WHEN n %% 10 = 0 THEN 'normal' END,
              CASE WHEN n = 1 THEN now() END, 0, '', ''
            FROM generate_series(1, %s) AS n RETURNING 1
            """,
            device.org_id,
            device.pk,
            str(device.pk),
            MANY,
        )
    prepare_plans("captures_capture")
    return devices[0]


def plan_of(rows: models.QuerySet) -> str:
    return rows.explain(analyze=True)


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_timelines_still_use_their_indexes(archive, everywhere):
    with scope.across_organizations("a test") if everywhere else scope.within(archive.org_id):
        for rows, index in (
            (archive.org.captures.newest_first()[:24], "captures_capture_org_time"),
            (archive.captures.newest_first()[:24], "captures_capture_device_time"),
            (
                archive.captures.pictured().filter(verdict__isnull=False).newest_first()[:24],
                "captures_capture_judged_time",
            ),
            (archive.org.captures.matching(state="normal").newest_first()[:24], "captures_capture_verdict_time"),
        ):
            plan = plan_of(rows)
            assert f"using {index}" in plan
            assert "Seq Scan" not in plan
            assert "Sort" not in plan


def test_the_workers_still_find_what_is_due_by_its_index(archive):
    plan = plan_of(Capture.unscoped.due_at(timezone.now()).order_by("evaluation_due_at")[:1])
    assert "using captures_capture_due" in plan
    assert "Seq Scan" not in plan
    assert claim_next(now=timezone.now()) is not None


def test_the_policy_reads_the_scope_once_a_query_and_not_once_a_row(archive):
    with scope.within(archive.org_id):
        plan = plan_of(Capture.unscoped.all())
    assert "InitPlan" in plan
    assert plan.count("current_setting") == 0 or "loops=1" in plan
    assert CONDITION.count("SELECT") == 2
