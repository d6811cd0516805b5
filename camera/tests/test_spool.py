from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from builders import ROOT, make_picture, waiting
from visant_camera.records import SPOOL_FILE, DamagedRecord, Record
from visant_camera.spool import KEPT, REFUSED, Spool, SpoolUnavailable

MB = 2**20


def open_spool(path: Path, *, limit: int = MB) -> Spool:
    return Spool(path, limit=limit)


def add(spool: Spool, text: str, *, size: int = 0) -> Record:
    record = spool.add(make_picture(text, size=size), trigger_label="schedule")
    assert record is not None
    return record


def test_a_picture_and_its_sidecar_are_on_the_disk_after_add(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    picture = make_picture("één")
    record = spool.add(picture, trigger_label="motion")
    assert record is not None
    assert (tmp_path / f"{record.record_id}.jpg").read_bytes() == picture.data
    assert json.loads((tmp_path / f"{record.record_id}.json").read_text()) == {
        "record_id": record.record_id,
        "captured_at": picture.captured_at.isoformat(timespec="microseconds"),
        "trigger_label": "motion",
        "content_type": "image/jpeg",
        "sha256": record.sha256,
        "size": len(picture.data),
        "metadata": {"file": "één"},
        "trigger_id": "",
        "important": False,
        "stem": record.record_id,
    }
    assert record.captured_at.endswith("+00:00")
    assert SPOOL_FILE.fullmatch(record.picture_name)
    assert not list(tmp_path.glob("*.part"))


def test_a_picture_that_the_disk_does_not_take_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            add(spool, "large", size=20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(spool) == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [".lock"]


def test_the_sidecar_is_never_on_the_disk_before_its_whole_picture(tmp_path: Path) -> None:
    """Kill a real writer at many moments; each sidecar that exists has its picture, whole."""
    code = (
        "import itertools, sys; from pathlib import Path; from builders import make_picture\n"
        "from visant_camera.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), limit=2**30)\n"
        "for n in itertools.count():\n"
        "    spool.add(make_picture(str(n), size=200_000), trigger_label='t'); print(n, flush=True)\n"
    )
    for kills in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        )
        assert writer.stdout is not None
        for _ in range(3 + kills):
            writer.stdout.readline()
        writer.kill()
        writer.communicate()
        assert len(waiting(tmp_path)) >= 3 * (kills + 1)
        for sidecar in tmp_path.glob("2*.json"):
            record = Record.from_json(sidecar.read_bytes(), stem=sidecar.stem)
            record.check((tmp_path / record.picture_name).read_bytes())


def test_the_newest_comes_first_and_removed_ones_are_gone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    first, second, third = (add(spool, text) for text in "abc")
    assert spool.newest() == third
    assert spool.newest(skipping={third.record_id}) == second
    spool.remove(third)
    spool.remove(third)
    assert spool.newest() == second
    assert len(spool) == 2
    assert waiting(tmp_path) == {first.record_id, second.record_id}


def test_a_new_run_finds_what_the_last_one_left_in_order(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    records = [add(spool, text) for text in "abc"]
    spool.close()
    again = open_spool(tmp_path)
    for record in reversed(records):
        assert again.newest() == record
        assert again.read(record) == make_picture("abc"[records.index(record)]).data
        again.remove(record)
    assert len(again) == 0


def test_half_written_files_are_cleaned_and_other_peoples_files_are_not(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    whole = add(spool, "whole")
    spool.close()
    stamp = "20261120T093000000000Z_ab12cd34"
    for name in (f"{stamp}.jpg", f"{stamp}.json.part", "20261120T093000000000Z_ab12cd35.jpg.part"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    again = open_spool(tmp_path)
    assert len(again) == 1
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert left == {whole.picture_name, whole.sidecar_name, "holiday.jpg", ".lock"}


def test_a_full_spool_drops_its_oldest_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path, limit=3000)
    with caplog.at_level(logging.ERROR):
        records = [add(spool, str(number), size=990) for number in range(5)]
    assert waiting(tmp_path) == {record.record_id for record in records[2:]}
    assert spool.dropped == 2
    for record in records[:2]:
        assert f"dropped {record.record_id}" in caplog.text


def test_a_full_spool_drops_what_was_set_aside_before_what_still_waits(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, limit=3000)
    kept, refused, waits = (add(spool, text, size=990) for text in "abc")
    spool.set_aside(kept, KEPT, reason={"why": "1"})
    spool.set_aside(refused, REFUSED, reason={"why": "2"})
    spool.close()
    spool = open_spool(tmp_path, limit=3000)
    add(spool, "d", size=990)
    assert not list((tmp_path / REFUSED).iterdir())
    assert len(list((tmp_path / KEPT).iterdir())) == 3
    add(spool, "e", size=990)
    assert not list((tmp_path / KEPT).iterdir())
    assert waits.record_id in waiting(tmp_path)
    assert spool.dropped == 2


def test_a_picture_larger_than_the_limit_costs_no_other(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, limit=1000)
    small = add(spool, "small")
    assert spool.add(make_picture("large", size=2000), trigger_label="t") is None
    assert waiting(tmp_path) == {small.record_id}
    assert spool.dropped == 1


def test_a_changed_picture_is_noticed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    record = add(spool, "true")
    (tmp_path / record.picture_name).write_bytes(b"\xff\xd8\xfffalse")
    with pytest.raises(DamagedRecord, match="sha256"):
        spool.read(record)


def test_a_move_that_a_crash_cut_in_half_is_finished(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    record = add(spool, "moved")
    spool.close()
    (tmp_path / record.picture_name).rename(tmp_path / REFUSED / record.picture_name)
    assert len(open_spool(tmp_path)) == 0
    assert {path.name for path in (tmp_path / REFUSED).iterdir()} == {
        record.picture_name,
        record.sidecar_name,
    }


def test_a_damaged_sidecar_costs_neither_its_picture_nor_the_others(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    good, bad = add(spool, "good"), add(spool, "bad")
    spool.close()
    (tmp_path / bad.sidecar_name).write_text("{")
    again = open_spool(tmp_path)
    assert again.newest() == good
    assert (tmp_path / KEPT / bad.picture_name).exists()


def test_a_second_spool_on_the_same_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    first = open_spool(tmp_path)
    with pytest.raises(SpoolUnavailable, match="Another visant-camera is using"):
        open_spool(tmp_path)
    first.close()
    open_spool(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolUnavailable, match="cannot be used: Not a directory"):
        open_spool(tmp_path / "file" / "spool")


def test_what_somebody_asked_for_is_dropped_last(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, limit=3000)
    asked = spool.add(make_picture("asked", size=990), trigger_label="manual", trigger_id="t-1", important=True)
    assert asked is not None
    planned = [add(spool, str(number), size=990) for number in range(4)]
    assert waiting(tmp_path) == {asked.stem, planned[2].record_id, planned[3].record_id}
    assert "t-1" in spool
    for number in (2, 3):
        spool.add(make_picture("more", size=990), trigger_label="manual", trigger_id=f"t-{number}", important=True)
    assert spool.add(make_picture("one more", size=990), trigger_label="schedule") is None
    assert {"t-1", "t-2", "t-3"} == {record_id for record_id in ("t-1", "t-2", "t-3") if record_id in spool}
    assert spool.dropped == 5


def test_no_text_from_elsewhere_becomes_a_path(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    name = "..\\..\\evil ✓ .json"
    record = spool.add(make_picture("a"), trigger_label="t", trigger_id=name)
    assert record is not None
    assert SPOOL_FILE.fullmatch(record.picture_name)
    spool.close()
    again = open_spool(tmp_path / "spool")
    assert name in again
    assert again.newest() == record


def test_a_sidecar_of_the_first_version_is_read(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    record = add(spool, "old")
    spool.close()
    sidecar = tmp_path / record.sidecar_name
    told = json.loads(sidecar.read_text())
    for name in ("trigger_id", "important", "stem"):
        del told[name]
    sidecar.write_text(json.dumps(told))
    assert open_spool(tmp_path).newest() == record
