"""The audit in words: a sentence for each entry, and what was before and after as text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from orgs.models import AuditEntry


class Subject(models.TextChoices):
    """What an entry is about, as people look for it. The words before the dot of its actions: ``ACTIONS_OF``."""

    PEOPLE = "people", "People"
    KEYS = "keys", "Keys and tokens"
    CAMERAS = "cameras", "Cameras"
    SHARING = "sharing", "Sharing"
    PLAN = "plan", "Plan"
    ORGANIZATION = "organization", "Organization"
    OPERATORS = "operators", "Operators"


ACTIONS_OF: dict[Subject, tuple[str, ...]] = {
    Subject.PEOPLE: ("membership", "invitation", "ownership", "account", "email", "mfa", "password", "profile"),
    Subject.KEYS: ("key", "token"),
    Subject.CAMERAS: ("camera", "definition"),
    Subject.SHARING: ("share",),
    Subject.PLAN: ("plan", "code"),
    Subject.ORGANIZATION: ("organization",),
    Subject.OPERATORS: ("operator",),
}
SENTENCES = {
    "account.changed": "The operator {actor} changed the account of {target}",
    "account.password_set": "The operator {actor} set the password of {target}",
    "camera.added": "{actor} added the camera {target}",
    "camera.renamed": "{actor} renamed the camera {target}",
    "definition.changed": "{actor} changed what is normal: {target}",
    "definition.learn_again": "{actor} let the camera learn again: {target}",
    "email.changed": "{actor} changed the e-mail address of {target}",
    "email.link_made": "{actor} made a link that verifies the address of {target}",
    "invitation.accepted": "{actor} accepted the invitation {target}",
    "invitation.created": "{actor} invited {target}",
    "invitation.resent": "{actor} sent the invitation {target} again",
    "invitation.revoked": "{actor} revoked the invitation {target}",
    "key.issued": "{actor} made the camera key {target}",
    "key.revoked": "{actor} revoked the camera key {target}",
    "membership.left": "{target} left the organization",
    "membership.limits_changed": "{actor} changed how far the membership of {target} reaches",
    "membership.removed": "{actor} removed {target} from the organization",
    "membership.role_changed": "{actor} changed the role of {target}",
    "mfa.codes_renewed": "{actor} renewed the recovery codes of {target}",
    "mfa.disabled": "{actor} removed the second factor of {target}",
    "mfa.enabled": "{actor} added a second factor to the account of {target}",
    "operator.looked": "The operator {actor} looked at {target}",
    "organization.changed": "{actor} changed the settings of {target}",
    "organization.founded": "{actor} founded {target}",
    "organization.resumed": "{actor} ended the suspension of {target}",
    "organization.suspended": "{actor} suspended {target}",
    "ownership.accepted": "{actor} accepted the ownership: {target}",
    "ownership.cancelled": "{actor} ended the offer of ownership: {target}",
    "ownership.offered": "{actor} offered the ownership: {target}",
    "password.changed": "{actor} changed the password of {target}",
    "password.link_made": "{actor} made a link by which {target} can choose a new password",
    "password.reset": "{actor} chose a new password by a mailed link",
    "plan.code_redeemed": "{actor} redeemed the activation code {target}",
    "plan.limits_changed": "{actor} changed the limits of {target}",
    "plan.trial_extended": "{actor} extended the trial of {target}",
    "profile.changed": "{actor} changed the name of {target}",
    "token.created": "{actor} made the personal token {target}",
    "token.renamed": "{actor} renamed the personal token {target}",
    "token.revoked": "{actor} revoked the personal token {target}",
}
_PERSON = re.compile(r"^(?P<person>.+?), (?:owner|admin|member|viewer) of ")
NOTHING = "—"


@dataclass(frozen=True)
class Change:
    """One field as it was and as it became, as text."""

    field: str
    before: str
    after: str


def sentence(entry: AuditEntry) -> str:
    """Return what was done in one sentence, without its full stop: “Ann removed Bob from the organization”."""
    template = SENTENCES.get(entry.action, "{actor}: {action}, {target}")
    action = entry.action.replace(".", " ").replace("_", " ")
    return template.format(actor=_without_address(entry.actor_name), target=_target(entry), action=action)


def changes(entry: AuditEntry, names: Mapping[str, str] | None = None) -> list[Change]:
    """Return the fields that differ. ``names``: ids that are better told by a name, as those of cameras."""
    before, after = entry.before or {}, entry.after or {}
    fields = dict.fromkeys([*before, *after])
    return [
        Change(
            field.removesuffix("_at").replace("_ids", "s").replace("_", " ").capitalize(),
            _in_words(before.get(field), names or {}),
            _in_words(after.get(field), names or {}),
        )
        for field in fields
        if before.get(field) != after.get(field)
    ]


def mentioned_cameras(entry: AuditEntry) -> list[str]:
    """The ids of the cameras that a membership or an invitation is or was limited to."""
    return [pk for fields in (entry.before, entry.after) for pk in (fields or {}).get("camera_ids") or []]


def _target(entry: AuditEntry) -> str:
    """Of a membership the person: that it is one of this organization goes without saying."""
    if entry.target_kind == "membership" and (match := _PERSON.match(entry.target_name)):
        return match["person"]
    return _without_address(entry.target_name) if entry.target_kind == "user" else entry.target_name


def _without_address(name: str) -> str:
    return name.partition(" <")[0]


def _in_words(value: Any, names: Mapping[str, str]) -> str:
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_in_words(one, names) for one in value)
    text = str(value)
    if text in names:
        return names[text]
    return _moment(text) or text


def _moment(text: str) -> str | None:
    """A moment in the current time zone, or None if the text is none."""
    if "T" not in text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    if moment is None or timezone.is_naive(moment):
        return None
    return date_format(timezone.localtime(moment), "j M Y, H:i")
