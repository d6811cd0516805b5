from django.db import migrations

from orgs.migrating import ValidateConstraint


class Migration(migrations.Migration):

    dependencies = [("captures", "0013_capture_without_picture")]

    operations = [ValidateConstraint(model_name="capture", name="captures_capture_without_picture_is_settled")]
