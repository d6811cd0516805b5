from django.db import migrations
from orgs.policies import ChangeRows


class Migration(migrations.Migration):
    """What was refused for a run was counted twice: as missing, and among all that was refused.

    Which it was cannot be told from the sums. A day that is counted anew sets it right.
    """

    dependencies = [
        ("captures", "0007_rejected_runs"),
    ]

    operations = [
        ChangeRows(
            "UPDATE captures_calendarday SET unplanned_rejected = rejected, rejected = 0 WHERE rejected > 0",
            "UPDATE captures_calendarday SET missing = missing + rejected, rejected = rejected + unplanned_rejected "
            "WHERE rejected + unplanned_rejected > 0",
        ),
    ]
