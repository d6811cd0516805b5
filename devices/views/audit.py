"""The audit for an organization's admins: a page, the same for one camera, and the download."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access import devices_of
from devices.forms.audit import AuditFilter
from orgs.access import MemberRequest, requires
from orgs.export import audit_csv
from orgs.keyset import newest_page
from orgs.models import AuditEntry, Role
from orgs.models.audit import AuditQuerySet
from orgs.wording import changes, mentioned_cameras, sentence

PAGE_SIZE = 50


@require_safe
@requires(Role.ADMIN)
def audit(request: MemberRequest) -> HttpResponse:
    form, entries = _asked_for(request)
    return _page(request, form, entries)


@require_safe
@requires(Role.ADMIN)
def camera_audit(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    device = get_object_or_404(devices_of(request.membership), pk=pk)
    form, entries = _asked_for(request, camera=str(device.pk))
    return _page(request, form, entries, device=device)


@never_cache
@require_safe
@requires(Role.ADMIN)
def download_audit(request: MemberRequest) -> HttpResponseBase:
    """What the page with the same filter shows, all of it, as CSV."""
    form, entries = _asked_for(request)
    if not form.is_valid():
        return _page(request, form, entries)
    org = request.membership.org
    name = f"audit-{org.slug}-{timezone.localdate()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(audit_csv(org, entries), content_type="text/csv; charset=utf-8", headers=headers)


def _asked_for(request: MemberRequest, **fixed: str) -> tuple[AuditFilter, AuditQuerySet]:
    """The filter, and the organization's entries it leaves. Another organization's camera is not there."""
    question = {**request.GET.dict(), **fixed}
    form = AuditFilter(question, devices=devices_of(request.membership))
    entries: AuditQuerySet = form.narrow(request.membership.org.auditentrys.all())
    if "camera" in form.errors:
        raise Http404
    return form, entries


def _page(request: MemberRequest, form: AuditFilter, entries: AuditQuerySet, **context: Any) -> HttpResponse:
    cursor = request.GET.get("cursor", "")
    rows, next_cursor = newest_page(entries, cursor=cursor, limit=PAGE_SIZE, field="at")
    context |= {
        "form": form,
        "entries": _in_words(request, rows),
        "next_cursor": next_cursor,
        "is_first_page": not cursor,
        "is_narrowed": any(request.GET.get(name) for name in form.fields),
        "download_query": _download_query(request, form),
    }
    return render(request, "devices/audit.html", context, status=200 if form.is_valid() else 400)


def _download_query(request: MemberRequest, form: AuditFilter) -> str:
    """What the download is asked, to hold what the page shows."""
    return urlencode({name: form.data[name] for name in form.fields if form.data.get(name)})


def _in_words(request: MemberRequest, rows: list[AuditEntry]) -> list[dict[str, Any]]:
    """Each entry with its sentence, what changed, and the camera it is about."""
    ids = {pk for row in rows for pk in mentioned_cameras(row)} | {
        str(row.device_id) for row in rows if row.device_id
    }
    names = {
        str(pk): name for pk, name in devices_of(request.membership).filter(pk__in=ids).values_list("pk", "name")
    }
    return [
        {
            "entry": row,
            "sentence": sentence(row),
            "changes": changes(row, names),
            "camera": names.get(str(row.device_id)) if row.target_kind != "device" else None,
        }
        for row in rows
    ]
