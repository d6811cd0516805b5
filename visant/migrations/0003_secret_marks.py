import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("visant", "0002_backups")]

    operations = [
        migrations.CreateModel(
            name='SecretMark',
            fields=[
                ('name', models.CharField(max_length=50, primary_key=True, serialize=False)),
                ('mark', models.CharField(max_length=20)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
