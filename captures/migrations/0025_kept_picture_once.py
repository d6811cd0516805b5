from django.db import migrations, models

from orgs.migrating import AddUniqueIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("captures", "0024_judged_pictures_of_a_camera")]

    operations = [
        AddUniqueIndexConcurrently(
            model_name='capture',
            constraint=models.UniqueConstraint(condition=models.Q(('sha256', ''), _negated=True), fields=('device', 'captured_at', 'sha256'), name='captures_capture_kept_picture_once'),
        ),
    ]
