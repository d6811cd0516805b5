"""Moments as people say them."""

from datetime import datetime

from django import template

from orgs import wording

register = template.Library()


@register.filter(expects_localtime=True)
def last_day(moment: datetime, form: str = "j M Y") -> str:
    """The last day of what ends at ``moment``, in the current time zone; with the time if it ends within a day."""
    return wording.last_day(moment, form)


@register.filter
def with_article(role: str) -> str:
    """Like “an admin”."""
    return wording.with_article(role)
