from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class OrgsConfig(AppConfig):
    name = "orgs"


class OperatorsConfig(AdminConfig):
    """Django's admin, as :mod:`orgs.operators` has it."""

    default_site = "orgs.operators.OperatorSite"
