"""Pages for people: telling a camera what to do."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from devices.services.commands import ask_for_picture
from devices.views.lookups import device_or_404
from orgs.access import MemberRequest, requires
from orgs.models import Role


@require_POST
@requires(Role.MEMBER)
def trigger_camera(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for a picture; the camera's page shows what comes of it."""
    ask_for_picture(device=device_or_404(request, pk), acting_user=request.user)
    return redirect(f"{reverse('camera', args=[pk])}#told")
