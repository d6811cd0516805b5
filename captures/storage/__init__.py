"""Where the bytes are, and how they get there for good.

All code reaches them by Django's ``default_storage``. A file that is not there is a ``FileNotFoundError``; a
storage that is away or refuses is another ``OSError``, on S3 :class:`StorageDown`. Every storage also lists what
is in it, by ``list_files(prefix)``, with sizes and moments, and deletes many files at once
(captures/storage/removing.py).
"""

from captures.storage.files import DurableFileSystemStorage
from captures.storage.keys import (
    DERIVED,
    READINESS_PREFIX,
    THUMBNAIL,
    StorageDown,
    StoredFile,
    aged_key,
    content_type_of,
    derived_keys,
    incoming_key,
    picture_key,
    small_key,
    thumbnail_key,
    view_key,
)

__all__ = [
    "DERIVED",
    "READINESS_PREFIX",
    "THUMBNAIL",
    "DurableFileSystemStorage",
    "StorageDown",
    "StoredFile",
    "aged_key",
    "content_type_of",
    "derived_keys",
    "incoming_key",
    "picture_key",
    "small_key",
    "thumbnail_key",
    "view_key",
]
