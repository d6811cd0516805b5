"""What is looked at when a command starts."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
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
