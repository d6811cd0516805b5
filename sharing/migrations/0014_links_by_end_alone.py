from django.db import migrations


class Migration(migrations.Migration):
    """Nobody asks for the links of all organizations by their end; within one its successor serves."""

    dependencies = [("sharing", "0013_links_in_force")]

    operations = [migrations.RemoveIndex(model_name="sharelink", name="sharing_sharelink_expiring")]
