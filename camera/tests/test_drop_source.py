"""The drop folder: each upload once, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable, Optional

import pytest

from visant_camera.pictures import Picture
from visant_camera.sources import NoPicture, NothingYet, SourceError, open_source
from visant_camera.sources import drop as drop_module
from visant_camera.sources.drop import DropSource
from visant_camera.spool import Spool

JPEG = b"\xff\xd8\xff\xe0\x00\x04ab" + b"%s" + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82"


def jpeg(text: str = "picture") -> bytes:
    return JPEG % text.encode()


def upload(folder: Path, name: str, data: bytes, *, age: float = 100.0) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def all_of(source: DropSource) -> list[Picture]:
    """What it gives until nothing is left, each one kept."""
    pictures: list[Picture] = []
    while True:
        try:
            picture = next(source)
        except NothingYet:
            return pictures
        pictures.append(picture)
        source.kept(picture)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_each_finished_file_is_given_once_the_oldest_first_and_then_removed(tmp_path: Path) -> None:
    names = ["2026-11-20/08/early.JPEG", "middle.png", "late.jpg"]
    upload(tmp_path, "late.jpg", jpeg("late"), age=10)
    upload(tmp_path, "2026-11-20/08/early.JPEG", jpeg("early"), age=30)
    upload(tmp_path, "middle.png", PNG, age=20)
    source = DropSource(tmp_path, settled=0)
    given = all_of(source)
    assert [picture.data for picture in given] == [jpeg("early"), PNG, jpeg("late")]
    assert [picture.metadata["file"] for picture in given] == names
    assert [picture.content_type for picture in given] == ["image/jpeg", "image/png", "image/jpeg"]
    assert files(tmp_path) == set()
    assert all_of(source) == []


def test_kept_files_go_to_sent_and_a_name_that_comes_again_replaces_nothing(tmp_path: Path) -> None:
    source = open_source(f"drop:{tmp_path}?keep=yes", interval=1, once_through=False)
    assert isinstance(source, DropSource)
    source._settled = 0
    for text in ("one", "two"):
        upload(tmp_path, "gate/snapshot.jpg", jpeg(text))
        assert [picture.data for picture in all_of(source)] == [jpeg(text)]
    sent = sorted(path.read_bytes() for path in (tmp_path / "sent" / "gate").iterdir())
    assert sent == [jpeg("one"), jpeg("two")]
    assert files(tmp_path) == {name for name in files(tmp_path) if name.startswith("sent/gate/snapshot")}


def test_a_file_that_grows_is_left_alone_until_it_is_finished(tmp_path: Path) -> None:
    whole = jpeg("x" * 100)
    source = DropSource(tmp_path, settled=0.2)
    path = upload(tmp_path, "a.jpg", whole[:30])
    for end in (50, 80):
        assert all_of(source) == []
        time.sleep(0.15)
        path.write_bytes(whole[:end])
    time.sleep(0.3)
    assert all_of(source) == []  # quiet, but its end is missing
    time.sleep(0.3)
    assert all_of(source) == []
    path.write_bytes(whole)
    assert all_of(source) == []  # whole, but who knows whether more comes
    time.sleep(0.3)
    assert [picture.data for picture in all_of(source)] == [whole]


def test_an_upload_of_the_same_name_never_meets_the_one_that_is_taken(tmp_path: Path) -> None:
    source = DropSource(tmp_path, settled=0)
    upload(tmp_path, "snapshot.jpg", jpeg("one"))
    first = next(source)
    upload(tmp_path, "snapshot.jpg", jpeg("two"))
    source.kept(first)
    assert [picture.data for picture in (first, *all_of(source))] == [jpeg("one"), jpeg("two")]


def test_hidden_temporary_and_other_files_stay_where_they_are(tmp_path: Path) -> None:
    others = {".in.a.jpg.", ".hidden.jpg", "a.jpg.part", "a.jpg.tmp", "clip.mp4", "readme.txt", ".dir/a.jpg"}
    for name in others:
        upload(tmp_path, name, jpeg())
    assert all_of(DropSource(tmp_path, settled=0)) == []
    assert files(tmp_path) == others


def test_what_is_no_whole_picture_is_put_aside_after_a_while_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upload(tmp_path, "day/cut.jpg", jpeg()[:-3], age=50)
    upload(tmp_path, "page.jpg", b"<html>", age=40)
    upload(tmp_path, "good.jpg", jpeg(), age=30)
    source = DropSource(tmp_path, settled=0)
    assert len(all_of(source)) == 1
    assert files(tmp_path) == {"day/cut.jpg", "page.jpg"}
    monkeypatch.setattr(drop_module, "GIVEN_UP", 0.05)
    time.sleep(0.1)
    assert all_of(source) == []
    assert files(tmp_path) == {"damaged/day/cut.jpg", "damaged/page.jpg"}
    assert "cut.jpg is not a whole picture; it is now" in caplog.text


def test_what_the_spool_could_not_keep_is_given_again(tmp_path: Path) -> None:
    upload(tmp_path, "a.jpg", jpeg())
    source = DropSource(tmp_path, settled=0)
    first = next(source)
    with pytest.raises(NoPicture, match="could not be kept"):
        next(source)
    assert all_of(source) == [first]
    assert files(tmp_path) == set()


def test_empty_folders_of_days_gone_by_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "2026-11-01" / "08", tmp_path / "2026-11-20"
    for folder in (old, new):
        folder.mkdir(parents=True)
    long_ago = time.time() - 3 * 86400
    os.utime(old, (long_ago, long_ago))
    all_of(DropSource(tmp_path, settled=0))
    assert not old.exists()
    assert new.exists()


def exif(moment: str, offset: str = "", order: str = "<") -> bytes:
    """A JPEG whose EXIF says when it was taken."""
    texts = [(0x9003, moment.encode() + b"\0"), *([(0x9011, offset.encode() + b"\0")] if offset else [])]
    at = 26 + 2 + 12 * len(texts) + 4  # behind the second directory
    entries, values = b"", b""
    for tag, text in texts:
        entries += struct.pack(order + "HHII", tag, 2, len(text), at + len(values))
        values += text
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    tiff += struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, 26, 0)
    tiff += struct.pack(order + "H", len(texts)) + entries + struct.pack(order + "I", 0) + values
    body = b"Exif\0\0" + tiff
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(body) + 2) + body + b"\xff\xd9"


WRITTEN = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("data", "captured_at", "told_by"),
    [
        (exif("2026:11:20 12:59:30", "+01:00"), WRITTEN - timedelta(seconds=30), "exif"),
        (exif("2026:11:20 12:59:30", "+01:00", ">"), WRITTEN - timedelta(seconds=30), "exif"),
        (exif("2026:11:20 06:59:30"), WRITTEN - timedelta(seconds=30), "exif"),  # in the machine's zone
        (exif("2016:01:01 00:00:30"), WRITTEN, "file"),  # a clock that was never set
        (exif("0000:00:00 00:00:00"), WRITTEN, "file"),
        (exif("2026:11:20 12:59:30")[:40] + b"\xff\xd9", WRITTEN, "file"),
        (jpeg(), WRITTEN, "file"),
    ],
)
def test_the_moment_is_that_of_the_exif_if_it_is_believable_else_of_the_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, captured_at: datetime, told_by: str
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    path = upload(tmp_path, "a.jpg", data)
    os.utime(path, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    try:
        [picture] = all_of(DropSource(tmp_path, settled=0))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (picture.captured_at, picture.metadata["captured_at_from"]) == (captured_at, told_by)


def test_killed_at_any_point_each_file_is_spooled_exactly_once(tmp_path: Path) -> None:
    """A child counts what it does to files, and kills itself at the n-th; then another goes on undisturbed."""
    steps = 0
    while True:
        steps += 1
        drop, folder = tmp_path / f"drop{steps}", tmp_path / f"spool{steps}"
        for name in ("a.jpg", "day/b.jpg", "day/c.jpg"):
            upload(drop, name, jpeg(name))
        status = in_child(lambda drop=drop, folder=folder: take_over(drop, folder), die_at=steps)
        assert in_child(lambda drop=drop, folder=folder: take_over(drop, folder)) == 0
        spooled = sorted(path.read_bytes() for path in folder.glob("2*.jpg"))
        assert spooled == sorted(jpeg(name) for name in ("a.jpg", "day/b.jpg", "day/c.jpg")), f"step {steps}"
        assert files(drop) == set(), f"step {steps}"
        if status == 0:
            break
    assert steps > 30  # else nobody was killed


def take_over(drop: Path, folder: Path) -> None:
    source, spool = DropSource(drop, settled=0), Spool(folder, limit=10**6)
    while True:
        try:
            picture = next(source)
        except NothingYet:
            return
        assert spool.add(picture, trigger_label="test")
        source.kept(picture)


def in_child(do: Callable[[], None], *, die_at: Optional[int] = None) -> int:
    """How a child process ended that did it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    if die_at is not None:
        _kill_at(die_at)
    try:
        do()
        os._exit(0)
    finally:
        os._exit(1)


def _kill_at(step: int) -> None:
    left = step

    def count(event: str, arguments: object) -> None:
        nonlocal left
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("drop:", "A drop folder looks like drop:/srv/ftp/gate"),
        ("drop:/srv?keep=maybe", "A drop folder looks like"),
        ("drop:/srv?delete=yes", "A drop folder looks like"),
        ("drop:/nowhere", "The drop folder /nowhere does not exist"),
        ("drop:/proc", "Files must be moved inside the drop folder /proc"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_a_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        open_source(spec, interval=1, once_through=False)
