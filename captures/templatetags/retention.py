"""Retention in words."""

from django import template

from captures.integrity.models import HousekeepingRun
from captures.retention.preview import Preview
from captures.retention.rules import Rule
from orgs.limits import amount
from orgs.models import Limit

register = template.Library()


@register.filter
def in_words(rule: Rule) -> str:
    """A rule as people say it: “kept for 30 days, at most 40 GB”."""
    if rule.hold:
        return "held: nothing is deleted"
    said = []
    if rule.days is not None:
        said.append(f"kept for {_days(rule.days)}")
    if rule.bytes is not None:
        said.append(f"at most {amount(Limit.BYTES, rule.bytes)}")
    if rule.all_days is not None:
        hourly = f"one an hour for {_days(rule.hourly_days)}, then " if rule.hourly_days else ""
        said.append(f"all for {_days(rule.all_days)}, then {hourly}one a day")
    return "; ".join(said) or "kept for ever"


@register.filter
def of_run(run: HousekeepingRun) -> str:
    """What a pruning came to."""
    report = run.report
    return Preview(
        run.started_at, report["pictures"], report["bytes"], dict(sorted(report["kept"].items()))
    ).past_sentence


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number:,} days"
