"""The audit in words: a sentence for each entry, and what was before and after as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from orgs.models import ApiToken, AuditEntry, Role


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
    Subject.PEOPLE: (
        "membership",
        "invitation",
        "ownership",
        "account",
        "email",
        "mfa",
        "password",
        "profile",
        "sso",
    ),
    Subject.KEYS: ("key", "token"),
    Subject.CAMERAS: ("camera", "capture", "definition", "schedule"),
    Subject.SHARING: ("share",),
    Subject.PLAN: ("plan", "code"),
    Subject.ORGANIZATION: ("organization", "retention"),
    Subject.OPERATORS: ("operator",),
}
SENTENCES = {
    "account.changed": "The operator {actor} changed the account of {target}",
    "account.password_set": "The operator {actor} set the password of {target}",
    "camera.added": "{actor} added the camera {target}",
    "camera.claimed": "{actor} claimed the hardware of the camera {target}",
    "camera.configured": "{actor} changed what the camera {target} is to do",
    "camera.hardware_changed": "{actor} gave the camera {target} new hardware",
    "camera.hardware_removed": "{actor} retired the hardware of the camera {target}",
    "camera.hardware_reset": "{actor} let the hardware of the camera {target} fetch a key again",
    "camera.reinstated": "{actor} took the camera {target} back into service",
    "camera.renamed": "{actor} renamed the camera {target}",
    "camera.resumed": "{actor} resumed the camera {target}",
    "camera.retired": "{actor} retired the camera {target}",
    "camera.suspended": "{actor} suspended the camera {target}",
    "capture.deleted": "{actor} deleted the picture {target}",
    "capture.held": "{actor} held the picture {target}, so that no rule deletes it",
    "capture.released": "{actor} released the picture {target}, so that rules may delete it",
    "definition.changed": "{actor} changed what is normal: {target}",
    "definition.imported": "{actor} imported what was normal: {target}",
    "definition.learn_again": "{actor} let the camera learn again: {target}",
    "email.changed": "{actor} changed the e-mail address of {target}",
    "email.link_made": "{actor} made a link that verifies the address of {target}",
    "invitation.accepted": "{actor} accepted the invitation {target}",
    "invitation.created": "{actor} invited {target}",
    "invitation.resent": "{actor} sent the invitation {target} again",
    "invitation.revoked": "{actor} revoked the invitation {target}",
    "key.issued": "{actor} made the camera key {target}",
    "key.kept": "{actor} let a camera go on with its {target}",
    "key.revoked": "{actor} revoked the camera key {target}",
    "key.rotated": "The camera {actor} used its new key {target}, which ended the one before",
    "key.rotation_begun": "{actor} made the camera key {target}, which is to replace another",
    "membership.imported": "{actor} imported the membership of {target}",
    "membership.left": "{target} left the organization",
    "membership.limits_changed": "{actor} changed how far the membership of {target} reaches",
    "membership.removed": "{actor} removed {target} from the organization",
    "membership.role_changed": "{actor} changed the role of {target}",
    "mfa.codes_renewed": "{actor} renewed the recovery codes of {target}",
    "mfa.disabled": "{actor} removed the second factor of {target}",
    "mfa.enabled": "{actor} added a second factor to the account of {target}",
    "operator.looked": "The operator {actor} looked at {target}",
    "organization.changed": "{actor} changed the settings of {target}",
    "organization.deletion_asked": "{actor} asked that {target} be deleted",
    "organization.deletion_taken_back": "{actor} took back that {target} be deleted",
    "organization.export_asked": "{actor} asked for an export of {target}",
    "organization.export_fetched": "{actor} downloaded an export of {target}",
    "organization.founded": "{actor} founded {target}",
    "organization.resumed": "{actor} ended the suspension of {target}",
    "organization.suspended": "{actor} suspended {target}",
    "ownership.accepted": "{actor} accepted the ownership: {target}",
    "ownership.cancelled": "{actor} ended the offer of ownership: {target}",
    "ownership.offered": "{actor} offered the ownership: {target}",
    "password.changed": "{actor} changed the password of {target}",
    "password.link_made": "{actor} made a link by which {target} can choose a new password",
    "password.removed": "{actor} verified the address by single sign-on, which ended the password given before",
    "password.reset": "{actor} chose a new password by a mailed link",
    "plan.code_redeemed": "{actor} redeemed the activation code {target}",
    "plan.limits_changed": "{actor} changed the limits of {target}",
    "plan.trial_extended": "{actor} extended the trial of {target}",
    "profile.changed": "{actor} changed the name of {target}",
    "sso.connected": "{actor} connected single sign-on with the account of {target}",
    "sso.disconnected": "{actor} ended single sign-on for the account of {target}",
    "schedule.added": "{actor} added the schedule {target}",
    "schedule.changed": "{actor} changed the schedule {target}",
    "schedule.removed": "{actor} removed the schedule {target}",
    "retention.changed": "{actor} changed how long pictures are kept: {target}",
    "retention.removed": "{actor} let the camera {target} keep pictures as its organization does",
    "share.created": "{actor} made the link {target}",
    "share.changed": "{actor} changed the link {target}",
    "share.revoked": "{actor} took back the link {target}",
    "share.policy_changed": "{actor} changed what may be shared",
    "share.imported": "{actor} imported the link {target}",
    "share.suspended": "{actor} stopped the link {target}",
    "share.resumed": "{actor} let the link {target} open again",
    "token.created": "{actor} made the personal token {target}",
    "token.renamed": "{actor} renamed the personal token {target}",
    "token.revoked": "{actor} revoked the personal token {target}",
}
# The same where people did it to their own account.
SENTENCES_OF_ONESELF = {
    "email.changed": "{actor} changed their own e-mail address",
    "mfa.codes_renewed": "{actor} renewed their own recovery codes",
    "mfa.disabled": "{actor} removed their own second factor",
    "mfa.enabled": "{actor} added a second factor to their own account",
    "password.changed": "{actor} changed their own password",
    "profile.changed": "{actor} changed their own name",
}
# As the forms call them; the others by their own names.
FIELDS = {
    "access": "It may",
    "all_days": "Days with all pictures",
    "bytes": "Most bytes",
    "byte_limit": "Pictures stored, in bytes",
    "camera_ids": "Cameras",
    "daily_quota": "Requests a day",
    "days": "Days that pictures are kept",
    "device_limit": "Camera slots",
    "email": "E-mail address",
    "evaluation_limit": "Evaluations a month",
    "cron": "Cron expression",
    "heartbeat_seconds": "Heartbeat, in seconds",
    "history_from": "Pictures from",
    "hold": "Held",
    "hourly_days": "Then days with one an hour",
    "interval_seconds": "Every, in seconds",
    "jitter_seconds": "At most so much later, in seconds",
    "networks": "Allowed networks",
    "old_ends_at": "The one before ends at the latest",
    "picture_max_width": "Largest width of pictures",
    "picture_quality": "Quality of pictures",
    "poll_seconds": "Looks for changes, in seconds",
    "retention_days": "Days that pictures are kept",
    "slug": "Short name",
    "trial_ends_at": "End of the trial",
    "valid_until": "Member until",
}
VALUES: dict[str, dict[str, str]] = {
    "access": {access.value: str(access.label) for access in ApiToken.Access},
    "role": {role.value: str(role.label) for role in Role},
}
# What an empty field means, where that is not nothing.
EMPTY = {
    "all_days": "not thinned",
    "bytes": "no limit",
    "byte_limit": "no limit",
    "camera_ids": "all",
    "daily_quota": "no limit",
    "days": "for ever",
    "device_limit": "no limit",
    "evaluation_limit": "no limit",
    "history_from": "all",
    "networks": "any",
    "picture_max_width": "as taken",
    "picture_quality": "as taken",
    "retention_days": "for ever",
    "valid_until": "no end",
}
NOTHING = "—"


@dataclass(frozen=True)
class Change:
    """One field as it was and as it became, as text."""

    field: str
    before: str
    after: str


def sentence(entry: AuditEntry) -> str:
    """Return what was done in one sentence, without its full stop: “Ann removed Bob from the organization”."""
    of_oneself = SENTENCES_OF_ONESELF if entry.target_id == str(entry.actor_id) else {}
    template = of_oneself.get(entry.action) or SENTENCES.get(entry.action, "{actor}: {action}, {target}")
    action = entry.action.replace(".", " ").replace("_", " ")
    return template.format(actor=_without_address(entry.actor_name), target=_target(entry), action=action)


def changes(entry: AuditEntry, names: Mapping[str, str] | None = None) -> list[Change]:
    """Return the fields that differ. ``names``: ids that are better told by a name, as those of cameras."""
    before, after = entry.before or {}, entry.after or {}
    fields = sorted({*before, *after})  # databases keep them in orders of their own
    return [
        Change(
            FIELDS.get(field) or field.removesuffix("_at").replace("_ids", "s").replace("_", " ").capitalize(),
            _value(before, field, names or {}),
            _value(after, field, names or {}),
        )
        for field in fields
        if before.get(field) != after.get(field)
    ]


def mentioned_cameras(entry: AuditEntry) -> list[str]:
    """The ids of the cameras that a membership or an invitation is or was limited to."""
    return [pk for fields in (entry.before, entry.after) for pk in (fields or {}).get("camera_ids") or []]


def last_day(moment: datetime, form: str = "j M Y") -> str:
    """The last day of what ends at ``moment``, in the current time zone, with the time if it ends within a day."""
    local = timezone.localtime(moment)
    if (local.hour, local.minute) == (0, 0):
        return date_format(timezone.localtime(moment - timedelta(microseconds=1)), form)
    return date_format(local, f"{form}, H:i")


def with_article(role: str) -> str:
    """Return a role as part of a sentence: “an admin”."""
    label = str(Role(role).label).lower()
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def _target(entry: AuditEntry) -> str:
    of_person = entry.target_kind in ("user", "membership")
    return _without_address(entry.target_name) if of_person else entry.target_name


def _without_address(name: str) -> str:
    return name.partition(" <")[0]


def _value(fields: Mapping[str, Any], field: str, names: Mapping[str, str]) -> str:
    value = fields.get(field)
    if field == "camera_ids" and value == []:
        return "none"
    if field in fields and value in (None, []) and field in EMPTY:
        return EMPTY[field]
    if isinstance(value, str):
        value = VALUES.get(field, {}).get(value, value)
        if field == "valid_until" and (moment := _parse(value)):
            return last_day(moment)
    return _in_words(value, names)


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
    moment = _parse(text)
    return date_format(timezone.localtime(moment), "j M Y, H:i") if moment else None


def _parse(text: str) -> datetime | None:
    if "T" not in text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return None if moment is None or timezone.is_naive(moment) else moment
