from django.db import migrations

from orgs.policies import ProtectTables, SameOrganization


class Migration(migrations.Migration):
    dependencies = [("sharing", "0001_share_links")]

    operations = [
        SameOrganization("sharing_sharelink", "device_id", "devices_device"),
        SameOrganization("sharing_sharelink", "capture_id", "captures_capture"),
        ProtectTables(["sharing_sharelink"]),
    ]
