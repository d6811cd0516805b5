"""What nobody looks at until it is needed: backups, the bytes of old pictures, the nightly jobs."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string

from visant.backup.freshness import backup_warning
from visant.checks import BACKUP_HINT
from visant.doctor.findings import Finding, error, fine, warning
from visant.errors import DATABASE_DOWN

BACKUP, UPKEEP = "backup", "upkeep"


def look_at_backup() -> Iterator[Finding]:
    try:
        sentence = backup_warning()
    except (DatabaseError, *DATABASE_DOWN):
        yield warning(BACKUP, "Nothing is known of backups.", "See the database.")
        return
    if sentence:
        yield warning(BACKUP, sentence, BACKUP_HINT)
    else:
        yield fine(BACKUP, "Nothing is to be lost yet, or a backup was restored on trial within a week.")


def look_at_upkeep() -> Iterator[Finding]:
    try:
        troubles = import_string(settings.UPKEEP_TROUBLES)()
    except (DatabaseError, *DATABASE_DOWN):
        yield warning(UPKEEP, "Nothing is known of the nightly jobs.", "See the database.")
        return
    for trouble in troubles:
        yield (error if trouble.is_loss else warning)(UPKEEP, trouble.what, trouble.fix)
    if not troubles:
        yield fine(UPKEEP, "Pictures are as they were taken in, as far as was looked; the nightly jobs run.")
