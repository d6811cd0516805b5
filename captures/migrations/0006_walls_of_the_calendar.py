from django.db import migrations

from orgs.policies import ProtectTables, SameOrganization


class Migration(migrations.Migration):
    dependencies = [("captures", "0005_calendar")]

    operations = [
        SameOrganization("captures_calendarday", "device_id", "devices_device"),
        SameOrganization("captures_rejection", "device_id", "devices_device"),
        ProtectTables(["captures_calendarday", "captures_rejection"]),
    ]
