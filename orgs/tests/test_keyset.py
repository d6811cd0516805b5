"""Pages by keyset: each row once, newest first, whatever is added meanwhile."""

import base64
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from captures.models import Capture
from orgs.ids import uuid7
from orgs.keyset import BadCursor, Position, newer_than, newest_page, older_than, position_of
from tests.builders import MOMENT, make_device

pytestmark = pytest.mark.django_db


def add_rows(device, random_numbers: random.Random, count: int) -> list[Capture]:
    """Insert rows at a handful of moments, so that many share one; their ids are in no order."""
    rows = []
    for _ in range(count):
        pk = uuid.UUID(int=random_numbers.getrandbits(128), version=4)
        rows.append(
            Capture(
                pk=pk,
                org_id=device.org_id,
                device=device,
                record_id=str(pk),
                captured_at=MOMENT + timedelta(microseconds=random_numbers.randrange(4)),
                storage_key=str(pk),
                byte_size=1,
                width=1,
                height=1,
                sha256=pk.hex,
            )
        )
    return Capture.unscoped.bulk_create(rows)


def in_order(rows: list[Capture]) -> list[uuid.UUID]:
    return [row.pk for row in sorted(rows, key=lambda row: (row.captured_at, row.pk), reverse=True)]


@pytest.mark.parametrize("seed", range(12))
def test_walking_the_pages_yields_each_row_once_newest_first_while_rows_are_added(seed):
    chance = random.Random(seed)
    device, _ = make_device()
    rows = add_rows(device, chance, chance.randrange(1, 40))
    first = {row.pk for row in rows}
    seen, cursor, limit = [], "", chance.randrange(1, 9)
    while cursor is not None:
        page, cursor = newest_page(device.captures.all(), cursor=cursor, limit=limit, field="captured_at")
        assert 0 < len(page) <= limit
        assert cursor is None or len(page) == limit
        seen += [row.pk for row in page]
        if cursor is not None and chance.random() < 0.5:
            rows += add_rows(device, chance, 2)
    assert len(seen) == len(set(seen))
    assert first <= set(seen)
    assert seen == [pk for pk in in_order(rows) if pk in set(seen)]


@pytest.mark.parametrize("seed", range(4))
def test_without_additions_the_pages_are_the_whole_list(seed):
    chance = random.Random(seed)
    device, _ = make_device()
    rows = add_rows(device, chance, 17)
    walked, cursor = [], ""
    while cursor is not None:
        page, cursor = newest_page(device.captures.all(), cursor=cursor, limit=4, field="captured_at")
        walked += [row.pk for row in page]
    assert walked == in_order(rows)


def test_a_list_that_fills_its_last_page_has_no_next_one():
    device, _ = make_device()
    add_rows(device, random.Random(1), 4)
    page, cursor = newest_page(device.captures.all(), cursor="", limit=4, field="captured_at")
    assert (len(page), cursor) == (4, None)


def test_older_and_newer_split_a_list_at_a_row():
    device, _ = make_device()
    rows = add_rows(device, random.Random(2), 20)
    order = in_order(rows)
    for row in rows:
        at, place = position_of(row, "captured_at"), order.index(row.pk)
        newer = newer_than(device.captures.all(), at, field="captured_at").newest_first()
        older = older_than(device.captures.all(), at, field="captured_at").newest_first()
        assert [found.pk for found in newer] == order[:place]
        assert [found.pk for found in older] == order[place + 1 :]


def test_a_cursor_comes_back_as_it_went():
    position = Position(datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), uuid7())
    assert Position.decode(position.encode()) == position


def encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


PK = "01a1f927-e178-71f3-b69f-72c6b6611867"
FORGED = [
    "x",
    "!!!!",
    "é" * 8,
    "\x00",
    "A" * 5000,
    "=" * 9,
    encode("2026-03-01T12:00:00+00:00"),
    encode(f"2026-03-01T12:00:00 {PK}"),
    encode(f"2026-03-01T12:00:00+00:00 {PK}x"),
    encode(f"yesterday {PK}"),
    encode(f"0001-01-01T00:00:00+14:00 {PK}"),
    encode(f"9999-12-31T23:59:59-14:00 {PK}"),
    base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
]


@pytest.mark.parametrize("cursor", FORGED)
def test_a_forged_cursor_is_refused(cursor):
    with pytest.raises(BadCursor, match="not one that was given out here"):
        newest_page(Capture.unscoped.all(), cursor=cursor, limit=3, field="captured_at")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_cursor_is_refused_or_is_another_place_in_the_list(seed):
    chance = random.Random(seed)
    device, _ = make_device()
    add_rows(device, chance, 3)
    _, cursor = newest_page(device.captures.all(), cursor="", limit=2, field="captured_at")
    letters = list(cursor or "")
    for _ in range(chance.randrange(1, 6)):
        letters[chance.randrange(len(letters))] = chr(chance.randrange(1, 0x250))
    try:
        page, _ = newest_page(device.captures.all(), cursor="".join(letters), limit=3, field="captured_at")
    except BadCursor:
        return
    assert len(page) <= 3
