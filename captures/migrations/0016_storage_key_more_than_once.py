from django.db import migrations


class Migration(migrations.Migration):
    """Its successor stands: what is once is the key of a picture that was kept."""

    dependencies = [("captures", "0015_picture_key_once")]

    operations = [migrations.RemoveConstraint(model_name="capture", name="captures_capture_storage_key_once")]
