"""What saving a rule would delete: for the page and the programs that try one before they save it."""

from django.utils import timezone

from captures.retention.foreseeing import at_once, foresee
from captures.retention.models import Forecast
from captures.retention.pruning import night_after
from captures.retention.rules import Rule, Rules
from captures.retention.tasks import count_forecasts
from devices.models import Device
from orgs.models import Organization


def try_rule(org: Organization, rules: Rules, *, rule: Rule, device: Device | None) -> Forecast:
    """Foresee the next night as if ``rule`` were among the ``rules``, the organization's or the camera's own.

    A worker is woken for what takes too long to be counted here.
    """
    wanted = {**rules, device.pk if device else None: rule}
    forecast = foresee(org, at=night_after(org, timezone.now()), until=at_once(), rules=wanted, device=device)
    if forecast.state == "waiting":
        count_forecasts.enqueue()
    return forecast
