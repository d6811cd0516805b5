from django.db import migrations

from orgs.policies import ProtectTables


class Migration(migrations.Migration):
    dependencies = [("captures", "0020_exports")]

    operations = [ProtectTables(["captures_export"])]
