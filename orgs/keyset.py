"""Lists page by page with a keyset: a cursor names the last row seen, so no page costs more than the first."""

import base64
import binascii
import uuid
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet

from orgs.errors import Invalid

RowT = TypeVar("RowT", bound=Model)


class BadCursor(Invalid):
    code = "bad_cursor"


class Position(NamedTuple):
    """Where a list stands: the moment and the id of a row."""

    moment: datetime
    pk: uuid.UUID

    def encode(self) -> str:
        text = f"{self.moment.isoformat()} {self.pk}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, cursor: str) -> "Position":
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            moment, _, pk = text.partition(" ")
            position = cls(datetime.fromisoformat(moment), uuid.UUID(pk))
            if position.moment.tzinfo is None:
                raise ValueError("a moment without an offset")
            # In UTC, as the database has it: a forged offset may lead out of the calendar.
            return position._replace(moment=position.moment.astimezone(UTC))
        except (ValueError, OverflowError, binascii.Error) as error:
            raise BadCursor("The cursor is not one that was given out here.") from error


def position_of(row: Model, field: str) -> Position:
    return Position(getattr(row, field), row.pk)


def older_than(queryset: "QuerySet[RowT]", position: Position, *, field: str) -> "QuerySet[RowT]":
    """Narrow to rows before ``position``, written so that an index on (field, id) is used."""
    older = queryset.filter(**{f"{field}__lte": position.moment})
    return older.exclude(Q(**{field: position.moment}) & Q(pk__gte=position.pk))


def newer_than(queryset: "QuerySet[RowT]", position: Position, *, field: str) -> "QuerySet[RowT]":
    """Narrow to rows after ``position``."""
    newer = queryset.filter(**{f"{field}__gte": position.moment})
    return newer.exclude(Q(**{field: position.moment}) & Q(pk__lte=position.pk))


def newest_page(
    queryset: "QuerySet[RowT]", *, cursor: str, limit: int, field: str
) -> tuple[list[RowT], str | None]:
    """Return up to ``limit`` rows, newest ``field`` first, and the cursor of the next page or None."""
    if cursor:
        queryset = older_than(queryset, Position.decode(cursor), field=field)
    rows = list(queryset.order_by(f"-{field}", "-pk")[: limit + 1])
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], position_of(rows[limit - 1], field).encode()
