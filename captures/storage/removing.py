"""Deleting many files, of which some may not go.

Every storage has ``delete_many(names)``: it deletes what it can, and returns what is left, each with why. What is
not there is not left.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Left = dict[str, OSError]


def delete_each(delete: Callable[[str], None], names: Sequence[str], *, at_once: int = 1) -> Left:
    """Delete the files one by one, so many at the same time, and return what is left."""

    def attempt(name: str) -> OSError | None:
        try:
            delete(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            return error
        return None

    if at_once == 1:
        return _left(names, map(attempt, names))
    with ThreadPoolExecutor(at_once) as pool:
        return _left(names, pool.map(attempt, names))


def delete_all(storage: Any, names: Sequence[str]) -> None:
    """Delete the files, or raise why one of them is left; those that can go are gone then, too."""
    for error in storage.delete_many(names).values():
        raise error


def _left(names: Sequence[str], errors: Iterable[OSError | None]) -> Left:
    return {name: error for name, error in zip(names, errors, strict=True) if error is not None}
