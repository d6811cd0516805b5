"""Whether operators must be told that nothing could be restored."""

from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.utils import timezone

from visant.models import Backup

VERIFY_WITHIN = timedelta(days=7)


def backup_warning() -> str:
    """Return a sentence when no backup was verified for a week, else an empty text.

    Not while there has been nothing to lose for that long, nor with DEBUG. Two or three short queries.
    """
    since = timezone.now() - VERIFY_WITHIN
    if settings.DEBUG or Backup.objects.verified_since(since).exists() or not _was_in_use(since):
        return ""
    verified = Backup.objects.filter(verify_problems=0).order_by("-verified_at").first()
    if verified is not None and verified.verified_at is not None:
        return f"The last backup that was verified was so on {verified.verified_at:%d %B %Y}: {verified.folder}."
    if Backup.objects.exists():
        return "There are backups, but none was ever verified: whether they can be restored is not known."
    return "There is no backup of this installation."


def _was_in_use(moment: object) -> bool:
    return bool(apps.get_model("orgs.Organization").objects.filter(created_at__lt=moment).exists())
