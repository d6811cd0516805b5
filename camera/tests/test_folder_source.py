from __future__ import annotations

from pathlib import Path

import pytest

from builders import make_picture
from visant_camera.sources import NoPicture, SourceError, open_source

PNG = b"\x89PNG\r\n\x1a\n...."
WEBP = b"RIFF....WEBP...."


def test_pictures_come_in_the_order_of_their_names_and_again(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(PNG)
    (tmp_path / "c.WEBP").write_bytes(WEBP)
    (tmp_path / "a.jpeg").write_bytes(make_picture("a").data)
    (tmp_path / "labels.csv").write_text("file,label\n")
    source = open_source(str(tmp_path), interval=1, once_through=False)
    pictures = [next(source) for _ in range(4)]
    assert [picture.metadata["file"] for picture in pictures] == ["a.jpeg", "b.png", "c.WEBP", "a.jpeg"]
    assert [picture.content_type for picture in pictures[:3]] == ["image/jpeg", "image/png", "image/webp"]
    assert all(picture.captured_at.utcoffset() is not None for picture in pictures)


def test_once_through_ends_after_the_last_picture(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(PNG)
    assert len(list(open_source(str(tmp_path), interval=1, once_through=True))) == 1


def test_the_content_type_is_what_the_bytes_are_and_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(b"not finished")
    source = open_source(str(tmp_path), interval=1, once_through=False)
    assert next(source).content_type == "image/png"
    with pytest.raises(NoPicture, match=r"b\.jpg is not a JPEG, PNG or WebP picture"):
        next(source)


def test_a_folder_that_goes_away_may_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / "a.png").write_bytes(PNG)
    source = open_source(str(folder), interval=1, once_through=False)
    next(source)
    folder.rename(tmp_path / "pulled")
    with pytest.raises(NoPicture, match="cannot be read"):
        next(source)
    (tmp_path / "pulled").rename(folder)
    assert next(source).data == PNG


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no picture"):
        open_source(str(tmp_path), interval=1, once_through=False)
