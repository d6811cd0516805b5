"""The admin, where operators look across all organizations."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

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

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Operators log in where everybody does: Django's own form would let them past their second factor."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("This is for operators.")
        target = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        if request.user.is_authenticated:
            return redirect("admin:index")
        return redirect_to_login(target)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override] # a redirect
        """One's own password is changed where everybody changes it."""
        return redirect("account_change_password")
