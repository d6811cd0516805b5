"""How long pictures are kept, as an export tells it. No rule is taken that would delete what is here already."""

from dataclasses import replace
from typing import Any

from captures.moving.outcomes import Fate, Outcome, Tally
from captures.retention.policies import check_rule, set_policy
from captures.retention.rules import FIELDS, Rule, rule_of
from devices.models import Device
from orgs.errors import DomainError
from orgs.models import Organization

ONLY_HOLD = "retention of which only the hold is taken, for there are pictures already: set the rest anew"


def bring_in_policy(
    told: dict[str, Any], *, org: Organization, device: Device | None, tally: Tally, dry_run: bool
) -> Fate:
    """Take over what the organization, or with ``device`` that camera, keeps. What was said here stays."""
    try:
        rule = Rule(**{name: told[name] for name in FIELDS})
        check_rule(org, rule)
    except (KeyError, TypeError) as error:
        return Fate(Outcome.REFUSED, "not_understood", f"The retention is not understood: {error!r}.")
    except DomainError as refusal:
        return Fate(Outcome.REFUSED, refusal.code, str(refusal))
    known = org.retention_policies.filter(device=device).first()
    if known is not None:
        if rule_of(known) == rule or (known.hold and rule.hold):
            return Fate(Outcome.ALREADY_THERE)
        return Fate(Outcome.REFUSED, "said_otherwise", "Another retention was said here; it stays.")
    if replace(rule, hold=False).deletes and _has_pictures(org, device):
        if not rule.hold:
            return Fate(
                Outcome.REFUSED, "would_delete", "There are pictures here that it would delete; set it anew."
            )
        tally.note(ONLY_HOLD)
        rule = Rule(hold=True)
    if not dry_run:
        set_policy(org=org, rule=rule, device=device, acting_user=None)
    return Fate(Outcome.IMPORTED)


def _has_pictures(org: Organization, device: Device | None) -> bool:
    captures = org.captures.filter(device_id=device.pk) if device else org.captures
    return bool(captures.exists())
