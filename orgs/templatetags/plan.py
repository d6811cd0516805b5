"""What owners and admins are told of the plan at the top of each page."""

from typing import Any

from django import template
from django.template import Context
from django.utils import timezone

from orgs.limits import Usage, Use, usage_of, uses_of
from orgs.models import Membership, Role

register = template.Library()


@register.inclusion_tag("orgs/_plan_notices.html", takes_context=True)
def plan_notices(context: Context) -> dict[str, Any]:
    """The limits that are near or reached: for owners and admins.

    Not on the page that shows all of it, nor on those of a person's own account. One query for organizations with
    limits, none for others. Camera slots are told of where cameras are added: that all are in use stops nothing.
    """
    request: Any = context.get("request")
    membership = getattr(request, "membership", None)
    match = getattr(request, "resolver_match", None)
    elsewhere = match is None or not (
        match.url_name in ("plan", "redeem-code") or match.route.startswith("account")
    )
    return {"uses": _reached(membership) if membership is not None and elsewhere else []}


def _reached(membership: Membership) -> list[Use]:
    org, now = membership.org, timezone.now()
    if org.suspended_at is not None or not Role(membership.role).covers(Role.ADMIN):
        return []
    counted = org.byte_limit is not None or org.evaluation_limit is not None
    usage = usage_of(org, now) if counted else Usage()
    return [use for use in uses_of(org, usage, now) if use.level]
