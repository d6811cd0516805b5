"""What a printed sign says: the notice to who is seen by a camera, and where to look oneself."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from captures.retention.rules import rule_for
from captures.templatetags.retention import in_words
from devices.clocks import zone_of
from devices.models import Device
from devices.planning import words_of
from devices.services.schedules import newest_rule
from orgs.absolute import absolute_url
from sharing.access import policy_of
from sharing.models import ShareLink
from sharing.opening import as_if_open
from sharing.words import shows_in_words


@dataclass(frozen=True)
class Sign:
    """``intervals``: when the camera takes pictures by itself; none where somebody or something else says when."""

    camera: str
    org: str
    intervals: list[str]
    retention: str
    contact: str
    shows: str
    address: str
    ends_at: datetime | None


def sign_of(link: ShareLink) -> Sign:
    device = link.device
    return Sign(
        camera=device.name,
        org=device.org.name,
        intervals=intervals_in_words(device),
        retention=in_words(rule_for(device)),
        contact=policy_of(device.org).contact,
        shows=shows_in_words(link),
        address=absolute_url("share", link.token),
        ends_at=as_if_open(link, at=timezone.now()).ends_at,
    )


def intervals_in_words(device: Device) -> list[str]:
    """The rules of the schedules that are switched on."""
    schedules = device.schedules.kept().filter(enabled=True).order_by("pk").prefetch_related("rules")
    return [words_of(newest_rule(schedule), fallback=zone_of(device)) for schedule in schedules]
