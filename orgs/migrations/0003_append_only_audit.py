"""The audit can be added to and nothing else: the database itself refuses."""

from django.db import migrations

REFUSAL = "the audit is append-only"
POSTGRESQL = [
    f"""
    CREATE FUNCTION orgs_refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$
    """,
    """
    CREATE TRIGGER orgs_auditentry_append_only BEFORE UPDATE OR DELETE ON orgs_auditentry
    FOR EACH ROW EXECUTE FUNCTION orgs_refuse_change_of_audit()
    """,
]
SQLITE = [
    f"""
    CREATE TRIGGER orgs_auditentry_no_{verb.lower()} BEFORE {verb} ON orgs_auditentry
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """
    for verb in ("UPDATE", "DELETE")
]
BACK = {
    "postgresql": [
        "DROP TRIGGER orgs_auditentry_append_only ON orgs_auditentry",
        "DROP FUNCTION orgs_refuse_change_of_audit()",
    ],
    "sqlite": ["DROP TRIGGER orgs_auditentry_no_update", "DROP TRIGGER orgs_auditentry_no_delete"],
}


def add(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def drop(apps, schema_editor):
    for statement in BACK[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("orgs", "0002_people_and_organizations")]

    operations = [migrations.RunPython(add, drop)]
