from django.db import migrations, models

from orgs.migrating import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("sharing", "0010_links_without_maker")]

    operations = [
        AddIndexConcurrently(
            model_name='sharelink',
            index=models.Index(fields=['org', '-created_at', '-id'], name='sharing_sharelink_org_time'),
        ),
    ]
