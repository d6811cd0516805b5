"""The second wall: on PostgreSQL the database itself shows nobody another organization's rows."""

import pytest
from django.apps import apps
from django.db import connection, transaction

from captures.models import Capture
from orgs import scope
from orgs.tenancy import TenantModel
from tests.builders import make_capture

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no row-level security"),
]


def test_every_table_of_a_tenant_is_protected_and_so_is_its_owner():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid "
            "WHERE relrowsecurity AND relforcerowsecurity"
        )
        protected = {name for (name,) in cursor.fetchall()}
    tenants = {model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)}
    assert tenants
    assert protected == tenants


def test_unfiltered_queries_see_their_own_organization_only():
    ours, theirs = make_capture(), make_capture()
    with scope.within(ours.org_id):
        assert list(Capture.unscoped.all()) == [ours]
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM captures_capture")
            assert cursor.fetchall() == [(ours.pk,)]
    with scope.nothing():
        assert list(Capture.unscoped.all()) == []
    assert set(Capture.unscoped.all()) == {ours, theirs}


def test_a_rollback_does_not_bring_an_earlier_scope_back():
    ours, theirs = make_capture(), make_capture()
    with scope.within(ours.org_id):
        assert list(Capture.unscoped.all()) == [ours]
        with transaction.atomic():
            with scope.within(theirs.org_id):
                assert list(Capture.unscoped.all()) == [theirs]
            transaction.set_rollback(True)
        assert list(Capture.unscoped.all()) == [ours]
