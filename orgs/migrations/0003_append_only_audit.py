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
    """
    CREATE TRIGGER orgs_auditentry_no_truncate BEFORE TRUNCATE ON orgs_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION orgs_refuse_change_of_audit()
    """,
]
SQLITE = [
    f"""
    CREATE TRIGGER orgs_auditentry_no_{verb.lower()} BEFORE {verb} ON orgs_auditentry
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """
    for verb in ("UPDATE", "DELETE")
] + [
    # INSERT OR REPLACE would delete without a DELETE.
    f"""
    CREATE TRIGGER orgs_auditentry_no_replace BEFORE INSERT ON orgs_auditentry
    WHEN EXISTS (SELECT 1 FROM orgs_auditentry WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """
]
BACK = {
    "postgresql": [
        "DROP TRIGGER orgs_auditentry_append_only ON orgs_auditentry",
        "DROP TRIGGER orgs_auditentry_no_truncate ON orgs_auditentry",
        "DROP FUNCTION orgs_refuse_change_of_audit()",
    ],
    "sqlite": [f"DROP TRIGGER orgs_auditentry_no_{verb}" for verb in ("update", "delete", "replace")],
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
