"""Mails to an organization."""

from django.core.mail import send_mail
from django.utils import timezone

from orgs.models import Organization, Role


def mail_owners(org: Organization, *, subject: str, text: str) -> None:
    """Send a mail to each of its owners. Raises OSError when the mail server does not take it."""
    owners = org.memberships.live_at(timezone.now()).filter(role=Role.OWNER).select_related("user")
    for owner in owners:
        send_mail(" ".join(subject.split()), text, None, [owner.user.email])
