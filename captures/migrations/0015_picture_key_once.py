from django.db import migrations, models

from orgs.migrating import AddUniqueIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("captures", "0014_validate_capture_without_picture")]

    operations = [
        AddUniqueIndexConcurrently(
            model_name='capture',
            constraint=models.UniqueConstraint(condition=models.Q(('storage_key', ''), _negated=True), fields=('storage_key',), name='captures_capture_picture_key_once'),
        ),
    ]
