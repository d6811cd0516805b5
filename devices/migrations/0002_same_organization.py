"""On PostgreSQL, "a key belongs to its camera's organization" is a fact of the database."""

from django.db import migrations

TABLES = ["devices_devicekey", "devices_devicestatus"]


def add(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in TABLES:
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_same_organization "
            "FOREIGN KEY (device_id, org_id) REFERENCES devices_device (id, org_id) "
            "DEFERRABLE INITIALLY DEFERRED"
        )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in TABLES:
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_same_organization")


class Migration(migrations.Migration):
    dependencies = [("devices", "0001_initial")]

    operations = [migrations.RunPython(add, drop)]
