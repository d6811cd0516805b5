from django.db import migrations

from orgs.policies import ProtectTables, SameOrganization


class Migration(migrations.Migration):
    dependencies = [("captures", "0011_pending_upload")]

    operations = [
        SameOrganization("captures_pendingupload", "device_id", "devices_device"),
        ProtectTables(["captures_pendingupload"]),
    ]
