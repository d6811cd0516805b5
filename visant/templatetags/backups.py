"""What operators are told at the top of the admin."""

from django import template

from visant.backup import freshness

register = template.Library()


@register.simple_tag
def backup_warning() -> str:
    """The sentence about backups that nobody tried for a week, or nothing."""
    return freshness.backup_warning()
