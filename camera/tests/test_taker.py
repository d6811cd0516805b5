"""What is taken, and what of it: without processes, with a source that is played."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Callable, Optional

import pytest

from builders import make_picture
from visant_camera.clock import Clock
from visant_camera.configuration import Configuration
from visant_camera.journal import HOLDS, KEPT, Journal
from visant_camera.pictures import Picture, utc_now
from visant_camera.plan import Plan
from visant_camera.shrink import shrink
from visant_camera.sources import NoPicture, NothingYet, Source
from visant_camera.spool import Spool
from visant_camera.taker import Taker
from visant_camera.wishes import Wish


class Played(Source):
    def __init__(self, *plays: object, own_pace: bool = False) -> None:
        self._plays: Iterator[object] = iter(plays)
        self.own_pace = own_pace
        self.let_go: list[Picture] = []

    def __next__(self) -> Picture:
        play = next(self._plays)
        if isinstance(play, Exception):
            raise play
        assert isinstance(play, Picture)
        return play

    def kept(self, picture: Picture) -> None:
        self.let_go.append(picture)


Make = Callable[..., Taker]


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, limit=5000)


@pytest.fixture
def make(spool: Spool, told: list[tuple[str, str]]) -> Make:
    def make(source: Source, *, interval: Optional[float] = None, clock: Optional[Clock] = None) -> Taker:
        return Taker(
            source,
            spool,
            Journal(spool.state),
            Plan(configuration=Configuration, device_id=lambda: "d"),
            clock or Clock(),
            configuration=Configuration,
            listening=lambda: False,
            acknowledge=lambda trigger_id, failure: told.append((trigger_id, failure)),
            spooled=lambda: None,
            interval=interval,
            label="schedule",
        )

    return make


def test_the_same_trigger_again_takes_nothing(make: Make, spool: Spool, told: list[tuple[str, str]]) -> None:
    taker = make(Played(make_picture("a"), make_picture("b")))
    taker.carry_out(Wish("t-1", "manual", "manual"))
    taker.carry_out(Wish("t-1", "manual", "manual"))
    assert (len(spool), taker.taken, told) == (1, 1, [])
    record = spool.newest()
    assert record is not None
    assert (record.record_id, record.trigger_id, record.important) == ("t-1", "t-1", True)


def test_who_asks_again_while_the_picture_is_on_its_way_is_told_that_it_arrived(
    make: Make, told: list[tuple[str, str]]
) -> None:
    taker = make(Played(*(make_picture(name) for name in "abc")))
    for wish in (Wish("asked", "x"), Wish("asked", "x"), Wish("once", "x")):
        taker.carry_out(wish)
    taker.carry_out(Wish("here", "x", commanded=False))
    taker.carry_out(Wish("here", "x", commanded=False))
    for _ in range(2):
        for trigger_id in ("asked", "once", "here"):
            taker.arrived(trigger_id)
    assert told == [("asked", "")]


def test_who_asks_again_in_the_moment_of_its_arrival_is_told_once(
    make: Make, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    taker = make(Played(make_picture("a")))
    taker.carry_out(Wish("t-1", "x"))

    def arrived_meanwhile(journal: Journal, trigger_id: str) -> str:
        taker.arrived(trigger_id)
        return ""

    monkeypatch.setattr(Journal, "how", arrived_meanwhile)
    taker.carry_out(Wish("t-1", "x"))
    assert told == [("t-1", "")]


def test_a_failed_trigger_stays_failed_across_restarts(
    make: Make, spool: Spool, told: list[tuple[str, str]]
) -> None:
    make(Played(NoPicture("the lens is away"))).carry_out(Wish("t-1", "manual", "manual"))
    make(Played(make_picture("a"))).carry_out(Wish("t-1", "manual", "manual"))
    assert len(spool) == 0
    assert told == [("t-1", "The camera could not take a picture: the lens is away.")] * 2


def test_a_picture_that_finds_no_room_is_told(make: Make, told: list[tuple[str, str]]) -> None:
    make(Played(make_picture("a", size=6000))).carry_out(Wish("t-1", "manual", "manual"))
    assert told == [("t-1", "The camera's spool is full of more important pictures.")]


def test_a_source_at_its_own_pace_is_emptied_and_let_go_of(
    make: Make, spool: Spool, told: list[tuple[str, str]]
) -> None:
    first, second = make_picture("a"), make_picture("b")
    source = Played(first, second, NothingYet("nothing"), own_pace=True)
    taker = make(source, interval=600)
    for _ in range(3):
        taker.turn()
    assert (len(spool), source.let_go) == (2, [first, second])
    taker.carry_out(Wish("t-1", "manual", "manual"))
    assert told == [("t-1", "The pictures of this camera are taken elsewhere, not when it is asked.")]


def test_a_wrong_clock_travels_with_the_picture_and_changes_nothing_else(make: Make, spool: Spool) -> None:
    clock = Clock()
    clock.heard(format_datetime(utc_now() - timedelta(minutes=5), usegmt=True))
    picture = make_picture("a")
    make(Played(picture), clock=clock).carry_out(Wish("t-1", "x"))
    record = spool.newest()
    assert record is not None
    assert record.captured_at == picture.captured_at.isoformat(timespec="microseconds")
    assert record.metadata == {"file": "a", "clock_offset_seconds": pytest.approx(300, abs=2)}
    assert abs(clock.now() - (utc_now() - timedelta(minutes=5))) < timedelta(seconds=2)


def test_a_clock_that_is_set_is_right_before_the_server_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, wrong_by = Clock(), timedelta(days=-3)
    monkeypatch.setattr("visant_camera.clock.utc_now", lambda: utc_now() + wrong_by)
    clock.heard(format_datetime(utc_now(), usegmt=True))
    assert (clock.is_wrong, clock.offset) == (True, pytest.approx(wrong_by.total_seconds(), abs=2))
    wrong_by = timedelta()
    assert (clock.is_wrong, clock.metadata()) == (False, {})
    assert abs(clock.now() - utc_now()) < timedelta(seconds=2)


@pytest.mark.parametrize("header", [None, "", "yesterday", "Fri, 99 Nov 2026 25:00:00 GMT"])
def test_a_date_that_is_none_says_nothing_of_the_clock(header: Optional[str]) -> None:
    clock = Clock()
    clock.heard(header)
    assert (clock.offset, clock.metadata()) == (None, {})


def test_a_clock_that_is_right_within_half_a_minute_is_right() -> None:
    clock = Clock()
    clock.heard(format_datetime(utc_now() - timedelta(seconds=25), usegmt=True))
    assert (clock.is_wrong, clock.metadata()) == (False, {})


def test_the_journal_forgets_only_what_is_long_over_and_survives_half_a_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(2 * KEPT + 10):
        journal.note(f"t-{number}", "why ✓" if number % 2 else "")
    with (tmp_path / "triggers").open("ab") as file:
        file.write(b'["t-half", "')
    again = Journal(tmp_path)
    assert again.how("t-0") is None
    assert again.how("t-half") is None
    assert [again.how(f"t-{2 * KEPT + n}") for n in (8, 9)] == ["", "why ✓"]
    again.note("t-next")
    assert Journal(tmp_path).how("t-next") == ""


def test_a_name_that_was_settled_long_ago_may_be_given_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "triggers").write_bytes(b'["of an older version", ""]\n')
    Journal(tmp_path).note("noted")
    names = ("of an older version", "noted")
    assert [Journal(tmp_path).how(name) for name in names] == ["", ""]
    later = time.time() + HOLDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert [Journal(tmp_path).how(name) for name in names] == [None, None]


def test_pictures_are_made_smaller_where_an_imaging_library_is() -> None:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGB", (800, 600), "green").save(out, "PNG")
    picture = Picture(out.getvalue(), "image/png", utc_now(), {"file": "a.png"})
    small = shrink(picture, max_width=200, quality=None)
    with image.open(io.BytesIO(small.data)) as result:
        assert (result.size, result.format, small.content_type) == ((200, 150), "JPEG", "image/jpeg")
    assert (small.captured_at, small.metadata) == (picture.captured_at, picture.metadata)
    assert shrink(picture, max_width=1000, quality=None) is picture
    assert shrink(picture, max_width=None, quality=None) is picture
    assert shrink(make_picture("broken"), max_width=200, quality=50).data == make_picture("broken").data
