from django.db import migrations

from orgs.policies import ProtectTables


class Migration(migrations.Migration):
    dependencies = [("captures", "0022_forecasts")]

    operations = [ProtectTables(["captures_forecast"])]
