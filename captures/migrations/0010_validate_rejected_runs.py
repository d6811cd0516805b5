from django.db import migrations

from orgs.migrating import ValidateConstraint


class Migration(migrations.Migration):

    dependencies = [("captures", "0009_rejected_runs_add_up")]

    operations = [ValidateConstraint(model_name="calendarday", name="captures_calendarday_adds_up")]
