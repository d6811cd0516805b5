"""Owners are told before a camera's key ends, and when it has: a camera whose key has ended delivers nothing."""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from devices.models import DeviceKey
from devices.services.rotation import waiting_for
from orgs import scope
from orgs.absolute import absolute_url
from orgs.mails import mail_owners

logger = logging.getLogger(__name__)

# So many days before its end the owners are told of it, and at its end.
DAYS_BEFORE = (14, 3, 0)
# Of what ended longer ago nobody is told any more, as after an installation was off for long.
TOLD_UNTIL = timedelta(days=7)


def remind_of_expiring_keys(*, now: datetime | None = None) -> int:
    """Tell the owners of every organization of camera keys about to end; return how many mails are new.

    Each level once for each key, also when several run at once: of those that were passed only the last is told.
    Cameras that are retired, and suspended organizations, are left out.
    """
    now = now or timezone.now()
    with scope.across_organizations("looks which keys of cameras are about to end"):
        keys = [key for key in _ending(now) if _is_news(key, now)]
    count = 0
    for key in keys:
        with scope.within(key.org_id):
            count += _remind(key, now)
    return count


def _ending(now: datetime) -> list[DeviceKey]:
    soon = now + timedelta(days=max(DAYS_BEFORE))
    ending = DeviceKey.unscoped.filter(
        revoked_at=None, expires_at__lte=soon, expires_at__gt=now - TOLD_UNTIL, device__retired_at=None
    )
    return list(ending.filter(org__suspended_at=None).select_related("org", "device").order_by("pk"))


def _is_news(key: DeviceKey, now: datetime) -> bool:
    return key.reminded_of is None or _level(key, now) < key.reminded_of


def _level(key: DeviceKey, now: datetime) -> int:
    """The smallest of DAYS_BEFORE that is reached."""
    left = key.expires_at - now if key.expires_at else timedelta.max
    return min(days for days in DAYS_BEFORE if left <= timedelta(days=days))


@transaction.atomic
def _remind(key: DeviceKey, now: datetime) -> bool:
    """Of several at once one tells: who changes the row. When the mail cannot be sent the row is set back, and it
    is tried at the next turn."""
    level = _level(key, now)
    untold = DeviceKey.unscoped.filter(Q(reminded_of=None) | Q(reminded_of__gt=level), pk=key.pk)
    told = bool(untold.update(reminded_of=level))
    if told:
        transaction.on_commit(partial(_mail, key, level))
    return told


def _mail(key: DeviceKey, level: int) -> None:
    """Whenever the transaction ends: nothing is taken for granted of what may be seen then."""
    happens = f"ends within {level} days" if level else "has ended"
    subject = f"{key.org}: the key of {key.device} {happens}"
    with scope.within(key.org_id), timezone.override(key.org.clock):
        try:
            mail_owners(key.org, subject=subject, text=_text(key, has_ended=not level))
        except OSError:
            logger.exception("The owners of %s could not be told of a key; it is tried again.", key.org.slug)
            DeviceKey.unscoped.filter(pk=key.pk, reminded_of=level).update(reminded_of=key.reminded_of)


def _text(key: DeviceKey, *, has_ended: bool) -> str:
    context = {
        "org": key.org,
        "camera": key.device,
        "key": key,
        "has_ended": has_ended,
        "waiting": waiting_for(key),
        "link": absolute_url("camera-settings", key.device_id),
    }
    return render_to_string("devices/mail/key_expiring.txt", context)
