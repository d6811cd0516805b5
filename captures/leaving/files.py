"""The files of a capture, read from an export and looked at as those that a camera hands in."""

from captures.inspection import picture_limit
from captures.leaving.archive import NOT_READ, ArchiveReader
from captures.leaving.arrivals import Arrival
from captures.moving.outcomes import Refused
from captures.moving.pictures import checked_picture, checked_thumbnail, thumbnail_of


def read_files(reader: ArchiveReader, arrival: Arrival) -> None:
    """Raises :class:`Refused` for what is missing, damaged, no picture, or larger than a picture may be."""
    told = arrival.told
    if told["file"]:
        arrival.picture = checked_picture(_bytes(reader, told["file"]))
        if arrival.picture.sha256 != told["sha256"]:
            raise Refused("damaged", "The picture in the export is not the one that its row speaks of.")
        arrival.thumbnail = thumbnail_of(arrival.picture)
    elif told["thumbnail"]:
        arrival.thumbnail = checked_thumbnail(_bytes(reader, told["thumbnail"]))


def _bytes(reader: ArchiveReader, name: str) -> bytes:
    """Never more than a picture may have, whatever a zip file would grow to."""
    limit = picture_limit()
    try:
        with reader.open(name) as file:
            data = file.read(limit + 1)
    except (*NOT_READ, ValueError) as error:
        raise Refused("file_missing", f"{name} is not in the export.") from error
    if len(data) > limit:
        raise Refused("too_large", f"{name} is larger than {limit // (1024 * 1024)} MB.")
    return data
