from django.db import migrations

from orgs.policies import ProtectTables, SameOrganization


class Migration(migrations.Migration):
    dependencies = [("devices", "0006_cameras_in_the_field")]

    operations = [
        SameOrganization("devices_devicekey", "replaces_id", "devices_devicekey"),
        SameOrganization("devices_installation", "device_id", "devices_device"),
        SameOrganization("devices_installation", "key_id", "devices_devicekey"),
        SameOrganization("devices_schedule", "device_id", "devices_device"),
        SameOrganization("devices_schedulerule", "schedule_id", "devices_schedule"),
        SameOrganization("devices_command", "device_id", "devices_device"),
        SameOrganization("devices_command", "schedule_id", "devices_schedule"),
        ProtectTables(["devices_installation", "devices_schedule", "devices_schedulerule", "devices_command"]),
    ]
