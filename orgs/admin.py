from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.http import HttpRequest

from orgs.models import Membership, Organization, User


class UserAddForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """People. One who leaves is made inactive: deleting would take the log of what they did along."""

    add_form = UserAddForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("id", "last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "password", "last_login", "created_at")}),
        ("May enter", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser gives rights away: else whoever may change accounts could make themselves one."""
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """An operator's account, its password too, is changed by superusers only."""
        is_operator = obj is not None and (obj.is_staff or obj.is_superuser)
        return super().has_change_permission(request, obj) and (request.user.is_superuser or not is_operator)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin):
    """Who owns things, and their limits. Founded with their owner: ``manage.py create_organization``."""

    list_display = ("name", "slug", "time_zone", "device_limit", "trial_ends_at", "created_at")
    list_filter = ("trial_ends_at",)
    search_fields = ("name", "slug", "memberships__user__email")
    search_help_text = "Name, slug, or the e-mail address of a member"
    ordering = ("name", "pk")
    readonly_fields = ("id", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows would go and the pictures' files stay."""
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "org", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "org")
    search_fields = ("user__email", "user__name", "org__slug", "org__name")
    search_help_text = "E-mail address or name of the person, slug or name of the organization"
    ordering = ("-pk",)
    autocomplete_fields = ("user", "org")
    readonly_fields = ("id", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Of a membership only the role changes; another person's is another membership."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "user", "org")
