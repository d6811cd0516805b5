from django.db import migrations

from orgs.migrating import ValidateConstraint


class Migration(migrations.Migration):
    dependencies = [("sharing", "0004_links_to_the_latest")]

    operations = [
        ValidateConstraint(model_name="sharelink", name="sharing_sharelink_has_what_its_kind_shows"),
        ValidateConstraint(model_name="sharelink", name="sharing_sharelink_sampling_is_known"),
    ]
