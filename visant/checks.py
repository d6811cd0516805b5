"""What ``manage.py check`` looks at beyond Django's own checks."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connection

NO_BACKUP = "visant.W002"
BACKUP_HINT = "Run manage.py backup PATH and manage.py backup verify PATH, best each day: docs/backup.md."


def check_trusted_proxies(app_configs: Any, **kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Behind a server that ends TLS and is not trusted, all callers seem to be one, and none to use https."""
    if settings.VISANT_URL.startswith("https:") and not settings.TRUSTED_PROXIES:
        return [
            checks.Warning(
                "VISANT_URL is https, but VISANT_TRUSTED_PROXIES names no server that ends TLS.",
                hint="HSTS is not sent then, and all callers share the rate limits of that server's address.",
                id="visant.W001",
            )
        ]
    return []


def check_backups(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> Sequence[checks.CheckMessage]:
    """A backup was restored on trial within a week. Looked at with the database (``check --database default``)."""
    from visant.backup.freshness import backup_warning
    from visant.models import Backup

    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    if Backup._meta.db_table not in connection.introspection.table_names():
        return []  # not migrated yet
    sentence = backup_warning()
    return [checks.Warning(sentence, hint=BACKUP_HINT, id=NO_BACKUP)] if sentence else []
