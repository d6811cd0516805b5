"""What members fill in when they share, and what comes of it."""

from datetime import timedelta
from html import unescape
from typing import Any

from django.utils import timezone

from devices.models import Device
from orgs.models import Membership, User
from sharing.models import ShareLink, SharingPolicy

TERMS = {"expires_in_days": "3", "password": "", "max_views": "", "delay_hours": "", "sampling": "all", "note": ""}
CAMERA = {**TERMS, "kind": "device", "range_from": "", "range_until": ""}


def allow(device: Device, **fields: Any) -> SharingPolicy:
    return SharingPolicy.unscoped.create(org=device.org, **fields)


def limit(user: User, **fields: Any) -> None:
    Membership.unscoped.filter(user=user).update(**fields)


def in_days(link: ShareLink) -> int:
    return round((link.expires_at - timezone.now()) / timedelta(days=1))


def text_of(page: Any) -> str:
    return " ".join(unescape(page.text).split())
