from django.db import migrations, models

from orgs.migrating import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("captures", "0023_walls_of_forecasts")]

    operations = [
        AddIndexConcurrently(
            model_name='capture',
            index=models.Index(condition=models.Q(('verdict__isnull', False)), fields=['device', '-captured_at', '-id'], name='captures_capture_judged_time'),
        ),
    ]
