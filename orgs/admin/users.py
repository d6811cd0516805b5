"""People's accounts."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from orgs.errors import Conflict
from orgs.models import User
from orgs.readonly import CappedAdmin
from orgs.services.accounts import remove_second_factor
from orgs.services.oversight import OF_THE_ACCOUNT, change_account, note_password_set
from orgs.services.users import create_user


class UserAddForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserAdmin(CappedAdmin, DjangoUserAdmin):
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

    actions = ("remove_factor",)

    @admin.action(description="Remove the second factor (of who lost it)", permissions=["change"])
    def remove_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            if not self.has_change_permission(request, user):
                self.message_user(request, f"{user} is an operator: a superuser must do that.", messages.ERROR)
                continue
            try:
                remove_second_factor(user=user, acting_user=cast(User, request.user))
            except Conflict as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
            else:
                self.log_change(request, user, "Second factor removed.")
                self.message_user(request, f"{user} logs in by the password alone.", messages.SUCCESS)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser gives rights away: else whoever may change accounts could make themselves one."""
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups", "user_permissions")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Make or change the account by its service."""
        sent = form.cleaned_data
        if change:
            fields = {name: sent[name] for name in OF_THE_ACCOUNT if name in sent}
            change_account(user=obj, acting_user=cast(User, request.user), **fields)
            return
        password = sent["password1"] if sent["set_usable_password"] else None
        obj.pk = create_user(email=sent["email"], name=sent["name"], password=password).pk
        obj.refresh_from_db()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Django's own page; that an operator set a password is noted in the audit, too."""
        with transaction.atomic():
            user = self.get_object(request, id)
            answer = super().user_change_password(request, id, form_url)
            if user is not None and user.password != User.objects.get(pk=user.pk).password:
                note_password_set(user=user, acting_user=cast(User, request.user))
        return answer

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """An operator's account, its password too, is changed by superusers only."""
        is_operator = obj is not None and (obj.is_staff or obj.is_superuser)
        return super().has_change_permission(request, obj) and (request.user.is_superuser or not is_operator)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
