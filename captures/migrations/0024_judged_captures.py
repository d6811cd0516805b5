from django.db import migrations, models

from orgs.migrating import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("captures", "0023_walls_of_forecasts")]

    operations = [
        AddIndexConcurrently(
            "capture",
            models.Index(
                fields=["device", "-captured_at", "-id"],
                condition=models.Q(verdict__isnull=False),
                name="captures_capture_judged",
            ),
        )
    ]
