from django.db import migrations

from orgs.policies import ProtectTables


class Migration(migrations.Migration):
    dependencies = [("orgs", "0004_same_organization")]

    operations = [
        ProtectTables(
            [
                "orgs_apitoken",
                "orgs_apitokenusage",
                "orgs_auditentry",
                "orgs_invitation",
                "orgs_limitwarning",
                "orgs_membership",
                "orgs_monthlyusage",
                "orgs_ownershiptransfer",
                "orgs_redemption",
            ]
        )
    ]
