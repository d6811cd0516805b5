from django.db import migrations

from orgs.policies import ProtectTables


class Migration(migrations.Migration):
    dependencies = [("captures", "0002_same_organization")]

    operations = [
        ProtectTables(["captures_capture", "captures_definition", "captures_evaluation", "captures_label"])
    ]
