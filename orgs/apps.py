from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core import checks


class OrgsConfig(AppConfig):
    name = "orgs"

    def ready(self) -> None:
        from orgs.accounts import signals  # noqa: F401 - listens from now on
        from orgs.checks import check_role

        checks.register(check_role, checks.Tags.database)


class OperatorsConfig(AdminConfig):
    """Django's admin, as :mod:`orgs.operators` has it."""

    default_site = "orgs.operators.OperatorSite"
