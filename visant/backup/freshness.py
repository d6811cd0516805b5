"""Whether operators must be told that nothing could be restored."""

from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.utils import timezone

from visant.models import Backup

FRESH = timedelta(days=7)


def backup_warning() -> str:
    """Return a sentence when no good backup was made and verified for a week, else an empty text.

    Not while there has been nothing to lose for that long, nor with DEBUG. Two or three short queries.
    """
    since = timezone.now() - FRESH
    if settings.DEBUG or Backup.objects.good_since(since).exists() or not _was_in_use(since):
        return ""
    if good := Backup.objects.good().order_by("-made_at").first():
        return f"The last good backup that was verified was made on {good.made_at:%d %B %Y}: {good.folder}."
    if lossy := Backup.objects.filter(verify_problems=0, problems__gt=0).order_by("-made_at").first():
        return f"The last backup that was verified lacks {lossy.problems} pictures as they were: {lossy.folder}."
    if Backup.objects.exists():
        return "There are backups, but none was ever verified: whether they can be restored is not known."
    return "There is no backup of this installation."


def _was_in_use(moment: object) -> bool:
    return bool(apps.get_model("orgs.Organization").objects.filter(created_at__lt=moment).exists())
