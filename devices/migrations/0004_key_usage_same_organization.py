"""On PostgreSQL, "usage belongs to its key's organization" is a fact of the database."""

from django.db import migrations

ADD = (
    "ALTER TABLE devices_devicekeyusage ADD CONSTRAINT devices_devicekeyusage_key_same_organization "
    "FOREIGN KEY (key_id, org_id) REFERENCES devices_devicekey (id, org_id) DEFERRABLE INITIALLY DEFERRED"
)
DROP = "ALTER TABLE devices_devicekeyusage DROP CONSTRAINT devices_devicekeyusage_key_same_organization"


def add(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(ADD)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("devices", "0003_key_usage")]

    operations = [migrations.RunPython(add, drop)]
