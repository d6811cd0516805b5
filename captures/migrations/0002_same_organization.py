"""On PostgreSQL, "a capture belongs to its camera's organization" is a fact of the database; so for what hangs on it."""

from django.db import migrations

# table, column, table pointed at
LINKS = [
    ("captures_capture", "device_id", "devices_device"),
    ("captures_capture", "definition_id", "captures_definition"),
    ("captures_definition", "device_id", "devices_device"),
    ("captures_label", "device_id", "devices_device"),
    ("captures_label", "capture_id", "captures_capture"),
    ("captures_evaluation", "capture_id", "captures_capture"),
    ("captures_evaluation", "definition_id", "captures_definition"),
]


def name_of(table, column):
    return f"{table}_{column.removesuffix('_id')}_same_organization"


def add(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, column, target in LINKS:
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name_of(table, column)} "
            f"FOREIGN KEY ({column}, org_id) REFERENCES {target} (id, org_id) DEFERRABLE INITIALLY DEFERRED"
        )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, column, _ in LINKS:
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name_of(table, column)}")


class Migration(migrations.Migration):
    dependencies = [("captures", "0001_initial"), ("devices", "0002_same_organization")]

    operations = [migrations.RunPython(add, drop)]
