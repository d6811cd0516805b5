"""What templates say of pictures."""

from typing import Any

from django import template
from django.template import Context

from captures import picture_urls

register = template.Library()


@register.simple_tag(takes_context=True)
def picture_url(context: Context, key: str) -> str:
    """Where the browser fetches a file of the pictures; its page was let in, so no query is made for it."""
    request: Any = context.get("request")
    membership = getattr(request, "membership", None)
    return picture_urls.picture_url(key, until=membership.valid_until if membership else None)
