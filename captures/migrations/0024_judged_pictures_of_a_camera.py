from django.db import migrations, models

from orgs.migrating import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("captures", "0023_walls_of_forecasts")]

    operations = [
        AddIndexConcurrently(
            model_name="capture",
            index=models.Index(
                fields=["device", "-captured_at", "-id"],
                condition=models.Q(verdict__isnull=False) & ~models.Q(storage_key=""),
                name="captures_capture_judged_time",
            ),
        ),
    ]
