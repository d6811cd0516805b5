"""What is read goes on in batches that fit into memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# A batch ends before its pictures take more memory than this.
LARGEST = 64 * 1024 * 1024


def batches(items: Iterable[T], *, most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield at most ``most`` of them at a time, and not more than fit."""
    batch: list[T] = []
    total = 0
    for item in items:
        if batch and (len(batch) == most or total + size(item) > LARGEST):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size(item)
    if batch:
        yield batch


def slices(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """Yield ``most`` of them at a time."""
    return batches(items, most=most, size=lambda item: 0)
