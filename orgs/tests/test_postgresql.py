"""What each connection is told, by the connections themselves: of a pool of one, of none, in threads."""

import threading
import uuid
from contextvars import copy_context

import pytest
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.db.utils import DatabaseError

from orgs import scope
from orgs.models import Membership
from orgs.postgresql.base import DatabaseWrapper
from tests.builders import make_org

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no row-level security"),
]
POOLS = {"pooled": {"min_size": 1, "max_size": 1, "timeout": 5}, "single": None}


def wrapper_like(alias: str) -> DatabaseWrapper:
    """Another connection to the database of the tests, as another thread would have it."""
    options = {**connection.settings_dict["OPTIONS"], "pool": POOLS[alias]}
    return DatabaseWrapper({**connection.settings_dict, "OPTIONS": options}, alias=alias)


@pytest.fixture(params=POOLS)
def alias(request):
    yield request.param
    if request.param == "pooled":
        wrapper_like("pooled").close_pool()


@pytest.fixture
def orgs():
    """Two organizations; each has one membership."""
    return make_org(), make_org()


def session_of(wrapper) -> str:
    """What the session was told, read past Django."""
    return wrapper.connection.execute("SELECT current_setting('visant.scope', true)").fetchone()[0]


def seen_by(wrapper) -> set:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT org_id FROM orgs_membership")
        return {row[0] for row in cursor.fetchall()}


def backend_of(wrapper) -> int:
    wrapper.ensure_connection()
    return wrapper.connection.info.backend_pid


def test_the_next_user_of_a_pooled_connection_does_not_see_what_the_last_saw(orgs):
    last, following = wrapper_like("pooled"), wrapper_like("pooled")
    try:
        with scope.across_organizations("a test"):
            assert seen_by(last) == {org.pk for org in orgs}
            backend = backend_of(last)
            last.close()
        with scope.nothing():
            assert backend_of(following) == backend
            # Even before a statement goes through Django, and past it.
            assert session_of(following) == scope.NOTHING
            assert seen_by(following) == set()
        following.close()
        for user, org in ((last, orgs[0]), (following, orgs[1]), (last, orgs[0]), (following, orgs[1])):
            with scope.within(org.pk):
                assert seen_by(user) == {org.pk}
                assert backend_of(user) == backend
                user.close()
    finally:
        last.close()
        following.close()
        last.close_pool()


def test_what_a_transaction_told_ends_with_it_however_it_ends(alias, orgs):
    wrapper = wrapper_like(alias)
    first, second = (org.pk for org in orgs)
    endings = {
        "commit": wrapper.commit,
        "rollback": wrapper.rollback,
        "by hand": lambda: wrapper.cursor().execute("ROLLBACK"),
        "past Django": lambda: wrapper.connection.rollback(),
        "closed": wrapper.close,
    }
    try:
        for end in endings.values():
            with scope.within(first):
                assert seen_by(wrapper) == {first}
            wrapper.set_autocommit(False)
            with scope.within(second):
                assert seen_by(wrapper) == {second}
                end()
                assert seen_by(wrapper) == {second}
            with scope.within(first):
                assert seen_by(wrapper) == {first}
            wrapper.rollback()
            with scope.within(second):
                assert seen_by(wrapper) == {second}
            wrapper.rollback()
            wrapper.set_autocommit(True)
    finally:
        wrapper.close()


def test_a_failed_transaction_does_not_bring_an_earlier_scope_back(alias, orgs):
    wrapper = wrapper_like(alias)
    first, second = (org.pk for org in orgs)
    try:
        with scope.within(first):
            assert seen_by(wrapper) == {first}
            wrapper.set_autocommit(False)
            with scope.within(second):
                assert seen_by(wrapper) == {second}
                with pytest.raises(DatabaseError), wrapper.cursor() as cursor:
                    cursor.execute("SELECT 1 / 0")
                with pytest.raises(DatabaseError):  # it takes no more statements, under whichever scope
                    seen_by(wrapper)
                wrapper.rollback()
                assert seen_by(wrapper) == {second}
            assert seen_by(wrapper) == {first}
    finally:
        wrapper.close()


def test_savepoints_rolled_back_bring_nothing_back(alias, orgs):
    wrapper = wrapper_like(alias)
    first, second = (org.pk for org in orgs)
    try:
        wrapper.set_autocommit(False)
        with scope.within(first):
            assert seen_by(wrapper) == {first}
        with scope.within(second):
            outer = wrapper.savepoint()
            with scope.within(first):
                assert seen_by(wrapper) == {first}
                inner = wrapper.savepoint()
            assert seen_by(wrapper) == {second}
            wrapper.savepoint_rollback(inner)
            assert seen_by(wrapper) == {second}
            wrapper.savepoint_rollback(outer)
            assert seen_by(wrapper) == {second}
            wrapper.savepoint_commit(outer)
            assert seen_by(wrapper) == {second}
    finally:
        wrapper.close()


def test_a_connection_that_cannot_be_told_shows_nothing_and_says_so(alias, orgs):
    """Cut off between two statements: an outage as any other, and the next connection is told anew."""
    wrapper = wrapper_like(alias)
    try:
        with scope.within(orgs[0].pk):
            assert seen_by(wrapper) == {orgs[0].pk}
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [backend_of(wrapper)])
        with scope.within(orgs[1].pk):
            with pytest.raises((OperationalError, InterfaceError)):
                seen_by(wrapper)
            wrapper.close_if_unusable_or_obsolete()
            wrapper.close()
            assert seen_by(wrapper) == {orgs[1].pk}
    finally:
        wrapper.close()


def test_threads_are_told_apart(orgs):
    """Each thread has a connection of its own, begins with nothing, and does not change what another sees."""
    found: dict[str, object] = {}
    entered, looked = threading.Event(), threading.Event()

    def other() -> None:
        try:
            found["at first"] = (scope.current(), list(Membership.unscoped.all()))
            scope.enter(orgs[1].pk)
            found["then"] = set(Membership.unscoped.values_list("org_id", flat=True))
            entered.set()
            looked.wait(10)
            found["still"] = set(Membership.unscoped.values_list("org_id", flat=True))
        finally:
            connections.close_all()

    with scope.within(orgs[0].pk):
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
        found["here"] = set(Membership.unscoped.values_list("org_id", flat=True))
        looked.set()
        thread.join()
    assert found == {
        "at first": (scope.NOTHING, []),
        "then": {orgs[1].pk},
        "still": {orgs[1].pk},
        "here": {orgs[0].pk},
    }


def test_work_given_to_a_thread_with_its_context_sees_what_the_giver_saw(orgs):
    found = []

    def work() -> None:
        try:
            found.extend(Membership.unscoped.values_list("org_id", flat=True))
        finally:
            connections.close_all()

    with scope.within(orgs[0].pk):
        thread = threading.Thread(target=copy_context().run, args=[work])
        thread.start()
        thread.join()
    assert found == [orgs[0].pk]


def test_a_commit_that_fails_leaves_nothing_told(orgs):
    """A constraint looked at last of all takes the whole transaction back, and what was told in it."""
    first, second = (org.pk for org in orgs)
    with scope.within(first):
        assert Membership.unscoped.count() == 1
    with scope.within(second):
        with pytest.raises(DatabaseError), transaction.atomic():
            Membership.unscoped.update(user_id=uuid.uuid4())
        assert set(Membership.unscoped.values_list("org_id", flat=True)) == {second}
