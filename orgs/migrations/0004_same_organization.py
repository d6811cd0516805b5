"""On PostgreSQL, "usage belongs to its token's organization" is a fact of the database."""

from django.db import migrations

ADD = (
    "ALTER TABLE orgs_apitokenusage ADD CONSTRAINT orgs_apitokenusage_key_same_organization "
    "FOREIGN KEY (key_id, org_id) REFERENCES orgs_apitoken (id, org_id) DEFERRABLE INITIALLY DEFERRED"
)
DROP = "ALTER TABLE orgs_apitokenusage DROP CONSTRAINT orgs_apitokenusage_key_same_organization"


def add(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(ADD)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("orgs", "0003_append_only_audit")]

    operations = [migrations.RunPython(add, drop)]
