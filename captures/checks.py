"""What is looked at when a command starts."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name of it
from django.utils.module_loading import import_string


def check_evaluators(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Each of VISANT_EVALUATORS can be imported: better said now than by every picture."""
    found: list[CheckMessage] = []
    for path in settings.VISANT_EVALUATORS:
        try:
            import_string(path)
        except ImportError as error:
            found.append(
                Error(f"VISANT_EVALUATORS: {error}", hint="Name a class by its dotted path.", id="captures.E001")
            )
    return found


def check_storage(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """The key, the secret and the bucket of S3 are right: better said at the start than by every picture.

    An outage is only a warning, since it passes by itself.
    """
    if "s3" not in (settings.VISANT_STORAGE, settings.VISANT_STORAGE_FALLBACK):
        return []
    from captures.storage.checks import bucket_trouble  # the client of S3 takes a moment to load

    return [
        Warning(trouble.what, hint=trouble.fix, id="captures.W002")
        if trouble.passes
        else Error(trouble.what, hint=trouble.fix, id="captures.E002")
        for trouble in bucket_trouble("s3")
    ]
