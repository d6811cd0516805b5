from django.db import migrations, models
from orgs.policies import ChangeRows


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0009_service_breaks'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='devicestatus',
            name='devices_devicestatus_delivery_is_known',
        ),
        # Only on the way back: no row is rejected yet.
        ChangeRows(
            migrations.RunSQL.noop,
            "UPDATE devices_devicestatus SET delivery = 'missing' WHERE delivery = 'rejected'",
        ),
        migrations.AlterField(
            model_name='devicestatus',
            name='delivery',
            field=models.CharField(choices=[('unplanned', 'Nothing is planned'), ('on_time', 'As planned'), ('late', 'Late'), ('missing', 'Missing'), ('rejected', 'Rejected')], db_default='unplanned', default='unplanned', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='devicestatus',
            constraint=models.CheckConstraint(condition=models.Q(('delivery__in', ['unplanned', 'on_time', 'late', 'missing', 'rejected'])), name='devices_devicestatus_delivery_is_known'),
        ),
    ]
