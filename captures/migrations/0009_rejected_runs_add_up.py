import django.db.models.expressions
from django.db import migrations, models

from orgs.migrating import AddConstraintNotValid


class Migration(migrations.Migration):

    dependencies = [
        ("captures", "0008_rejected_runs_of_past_days"),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='calendarday',
            constraint=models.CheckConstraint(condition=models.Q(('expected', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('received'), '+', models.F('late')), '+', models.F('missing')), '+', models.F('rejected')))), name='captures_calendarday_adds_up'),
        ),
    ]
