"""The entries of the audit still cannot be changed. They can be deleted while their organization is: a row says so."""

from django.db import migrations

REFUSAL = "the audit is append-only"
BEING_DELETED = (
    "SELECT 1 FROM orgs_deletion WHERE organization_id = OLD.org_id AND begun_at IS NOT NULL AND finished_at IS NULL"
)
RAISE = f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';"
HEAD = "CREATE OR REPLACE FUNCTION orgs_refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS"
DELETE_HEAD = "CREATE TRIGGER orgs_auditentry_no_delete BEFORE DELETE ON orgs_auditentry"
FORWARDS = {
    "postgresql": [
        f"""
    {HEAD}
    $$ BEGIN
        IF TG_OP = 'DELETE' THEN
            IF EXISTS ({BEING_DELETED}) THEN RETURN OLD; END IF;
        END IF;
        {RAISE}
    END $$
    """
    ],
    "sqlite": [
        "DROP TRIGGER orgs_auditentry_no_delete",
        f"{DELETE_HEAD} WHEN NOT EXISTS ({BEING_DELETED}) BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    ],
}
BACKWARDS = {
    "postgresql": [f"{HEAD} $$ BEGIN {RAISE} END $$"],
    "sqlite": [
        "DROP TRIGGER orgs_auditentry_no_delete",
        f"{DELETE_HEAD} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    ],
}


def forwards(apps, schema_editor):
    for statement in FORWARDS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    for statement in BACKWARDS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("orgs", "0008_deletions")]

    operations = [migrations.RunPython(forwards, backwards)]
