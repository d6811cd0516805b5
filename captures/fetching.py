"""Reading the storage for somebody who waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from captures.services import StorageUnavailable


@contextmanager
def fetched_later(what: str) -> Iterator[None]:
    """Inside the block every error of the storage is :class:`~captures.services.StorageUnavailable`.

    That a file is not there is one of them, but where the block itself says what it means. ``what`` is asked for.
    """
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"The storage does not answer; the {what} can be fetched later.") from error
