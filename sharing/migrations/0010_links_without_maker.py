from django.db import migrations

from orgs.policies import ChangeRows


class Migration(migrations.Migration):
    """Until now links came from earlier systems only; those that nobody is known to have made stay open."""

    dependencies = [("sharing", "0009_walls_of_sharing")]

    operations = [
        ChangeRows("UPDATE sharing_sharelink SET without_maker = TRUE WHERE created_by_id IS NULL", "SELECT 1")
    ]
