from django.db import migrations

from orgs.policies import ProtectTables


class Migration(migrations.Migration):
    dependencies = [("devices", "0004_key_usage_same_organization")]

    operations = [
        ProtectTables(["devices_device", "devices_devicekey", "devices_devicekeyusage", "devices_devicestatus"])
    ]
