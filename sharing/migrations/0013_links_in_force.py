from django.db import migrations, models

from orgs.migrating import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("sharing", "0012_links_by_maker")]

    operations = [
        AddIndexConcurrently(
            model_name="sharelink",
            index=models.Index(
                fields=["org", "expires_at"],
                condition=models.Q(revoked_at=None, suspended_at=None),
                name="sharing_sharelink_in_force",
            ),
        ),
    ]
