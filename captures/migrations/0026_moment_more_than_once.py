from django.db import migrations


class Migration(migrations.Migration):
    """Its successor stands: what is once at a moment is a picture, not the lack of one."""

    dependencies = [("captures", "0025_kept_picture_once")]

    operations = [migrations.RemoveConstraint(model_name="capture", name="captures_capture_picture_once")]
