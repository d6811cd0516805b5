"""The owner's page about leaving: an export of all there is, and the end of the organization."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from captures.leaving.forms import DeleteForm
from captures.leaving.services import ExportAskedAlready, ask_for_export, fetch_export, open_export
from captures.leaving.tasks import make_exports
from captures.picture_urls import leads_to_bucket, picture_url
from orgs.access import MemberRequest, requires
from orgs.models import Role
from orgs.services.deletions import ask_for_deletion, deletion_of, take_back_deletion

SHOWN = 10


@require_safe
@requires(Role.OWNER)
def leaving(request: MemberRequest) -> HttpResponse:
    return _page(request, DeleteForm())


@require_POST
@requires(Role.OWNER)
def ask_export(request: MemberRequest) -> HttpResponse:
    try:
        ask_for_export(org=request.membership.org, acting_user=request.user)
        make_exports.enqueue()
        messages.success(request, "The export is being made. It can be downloaded from here when it is ready.")
    except ExportAskedAlready as refusal:
        messages.error(request, str(refusal))
    return redirect("leaving")


@require_safe
@requires(Role.OWNER)
def download_export(request: MemberRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The file, while its days last; from a bucket by an address that ends."""
    export = get_object_or_404(request.membership.org.exports, pk=pk)
    fetch_export(export=export, acting_user=request.user)
    if leads_to_bucket():
        return redirect(picture_url(export.storage_key, until=export.expires_at))
    name = f"{request.membership.org.slug}-{export.asked_at:%Y-%m-%d}.zip"
    return FileResponse(open_export(export), as_attachment=True, filename=name)


@require_POST
@requires(Role.OWNER)
def ask_deletion(request: MemberRequest) -> HttpResponse:
    form = DeleteForm(request.POST)
    if form.is_valid():
        with form.refusals():
            ask_for_deletion(org=request.membership.org, acting_user=request.user, **form.cleaned_data)
            messages.success(request, "Noted. Until the day below any owner can take it back.")
            return redirect("leaving")
    return _page(request, form)


@require_POST
@requires(Role.OWNER)
def keep(request: MemberRequest) -> HttpResponse:
    take_back_deletion(org=request.membership.org, acting_user=request.user)
    messages.success(request, "Taken back: the organization stays as it is.")
    return redirect("leaving")


def _page(request: MemberRequest, form: DeleteForm) -> HttpResponse:
    org = request.membership.org
    context = {
        "form": form,
        "deletion": deletion_of(org),
        "deletion_days": settings.VISANT_DELETION_DAYS,
        "export_days": settings.VISANT_EXPORT_DAYS,
        "exports": org.exports.select_related("asked_by").newest_first()[:SHOWN],
    }
    return render(request, "captures/leaving.html", context, status=form.status)
