from django.db import migrations

from orgs.policies import ProtectTables, SameOrganization


class Migration(migrations.Migration):
    dependencies = [("sharing", "0008_link_reports")]

    operations = [
        SameOrganization("sharing_linkday", "link_id", "sharing_sharelink"),
        SameOrganization("sharing_linkvisit", "link_id", "sharing_sharelink"),
        SameOrganization("sharing_linkreport", "link_id", "sharing_sharelink"),
        ProtectTables(
            ["sharing_sharingpolicy", "sharing_linkday", "sharing_linkvisit", "sharing_linkreport"]
        ),
    ]
