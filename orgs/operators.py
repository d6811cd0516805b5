"""The admin, where operators look across all organizations."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from orgs import scope


class OperatorSite(AdminSite):
    site_header = site_title = "Visant"
    index_title = "Operators"

    def has_permission(self, request: HttpRequest) -> bool:
        """Every view of the admin asks this first; who passes sees all organizations until the answer is sent."""
        allowed = super().has_permission(request)
        if allowed:
            scope.enter_all("operators look after all organizations")
        return allowed
