"""How operators look at rows that only services change."""

import contextlib
import uuid
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_permission_codename
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

from orgs.models import AccessKey, User
from orgs.services.oversight import note_look


class CappedPaginator(Paginator):
    """Counts no further than ``most``, so that no list costs more as the archive grows.

    What lies beyond is found by searching and filtering.
    """

    most = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most].count())


class CappedAdmin(admin.ModelAdmin):
    """A list that counts no table to its end."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class AuditedAdmin(CappedAdmin):
    """Rows of organizations: whoever opens one leaves an entry in the audit of its organization."""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        answer = super().change_view(request, object_id, form_url, extra_context)
        # Not who was refused, nor who asked for what is not there: they saw nothing. A form that is shown again
        # shows the row, too.
        if answer.status_code == 200:
            row = self.get_object(request, unquote(object_id))  # as the view itself reads it
            if row is not None:
                note_look(target=cast(Model, row), acting_user=cast(User, request.user))
        return answer


class ReadOnlyAdmin(AuditedAdmin):
    """Find and look. Adding, changing and deleting have rules, and the rules stand in the services.

    An action that calls one asks for a permission by name, since "change" is refused to everybody here.
    """

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ArchiveAdmin(ReadOnlyAdmin):
    """A table without end: not counted, in the order of its key, searched by what identifies a row."""

    ordering = ("-pk",)
    sortable_by = ()
    # The fields that an id, and any other text, is compared with.
    ids: ClassVar[tuple[str, ...]]
    texts: ClassVar[tuple[str, ...]]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.ids + self.texts

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Compare exactly: a search for parts of words would read the whole table."""
        text = search_term.strip()
        if not text:
            return queryset, False
        wanted = Q.create([(field, text) for field in self.texts], connector=Q.OR)
        with contextlib.suppress(ValueError):
            wanted |= Q.create([(field, uuid.UUID(text)) for field in self.ids], connector=Q.OR)
        return queryset.filter(wanted), False


class AccessKeyAdmin(ReadOnlyAdmin):
    """Keys and tokens. Their text was shown once; here they are found by its prefix, and revoked."""

    ordering = ("-pk",)
    # Not the digest nor its pepper: nobody needs to see what only a machine compares.
    of_each_key = (
        "prefix",
        "daily_quota",
        "state",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "last_used_from",
    )
    actions = ("revoke",)

    def revoke_one(self, key: Any, *, acting_user: User) -> None:
        """Call the service that ends this kind of key."""
        raise NotImplementedError

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename('change', self.opts)}")

    @admin.action(description="Revoke the selected %(verbose_name_plural)s, for good", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        keys: list[AccessKey] = list(queryset.filter(revoked_at=None))
        for key in keys:
            self.revoke_one(key, acting_user=cast(User, request.user))
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"Revoked: {len(keys)}.", messages.SUCCESS)


class NewestRows(BaseInlineFormSet):
    """The newest rows of an inline, and no more than ``most``: a page stays a page."""

    most = 50

    def get_queryset(self) -> QuerySet[Any]:
        if not hasattr(self, "_newest"):
            self._newest = super().get_queryset()[: self.most]
        return self._newest


class ReadOnlyInline(admin.TabularInline):
    """What hangs on a row, to look at: the newest fifty."""

    formset = NewestRows
    extra = 0
    can_delete = False
    show_change_link = True
    ordering = ("-pk",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(
            str(name) for name in self.fields or ()
        )  # also those that no form takes, like the moment a row was made

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
