"""Every storage that is configured: those in use, and those that pictures were moved from and may be in still."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.files.storage import storages


def all_storages() -> Iterator[Any]:
    """Yield each that can list what is in it. The same place may come by two names."""
    for alias in settings.STORAGES:
        if hasattr(storages[alias], "list_files"):
            yield storages[alias]


def all_quarantines() -> Iterator[Any]:
    """Yield the quarantine of each, every place once."""
    seen: list[Any] = []
    for alias, configured in settings.STORAGES.items():
        if alias.endswith("quarantine") and configured not in seen:
            seen.append(configured)
            yield storages[alias]
