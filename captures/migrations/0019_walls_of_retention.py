from django.db import migrations

from orgs.policies import ProtectTables, SameOrganization


class Migration(migrations.Migration):
    dependencies = [("captures", "0018_retention")]

    operations = [
        SameOrganization("captures_retentionpolicy", "device_id", "devices_device"),
        SameOrganization("captures_deletedcapture", "device_id", "devices_device"),
        SameOrganization("captures_integrityfinding", "capture_id", "captures_capture"),
        ProtectTables(["captures_retentionpolicy", "captures_deletedcapture", "captures_integrityfinding"]),
    ]
