from django.db import migrations, models

from orgs.migrating import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("sharing", "0011_links_by_moment")]

    operations = [
        AddIndexConcurrently(
            model_name='sharelink',
            index=models.Index(fields=['org', 'created_by', '-created_at', '-id'], name='sharing_sharelink_maker_time'),
        ),
    ]
