"""What operators are told of links at the top of the admin."""

from django import template

from orgs.readonly import CappedPaginator
from sharing.services import reports

register = template.Library()


@register.simple_tag
def open_reports() -> int:
    """How many reports of pages nobody looked at; counted no further than lists are."""
    return reports.open_reports(most=CappedPaginator.most)
