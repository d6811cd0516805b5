"""Decoding and thumbnails: whatever a camera sends, upright arrays or a sentence come back."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import ExifTags, Image

from captures.evaluation.pictures import Picture, Undecodable, decode_picture, make_thumbnail
from captures.evaluation.tests.painting import encode, paint_place

pytestmark = pytest.mark.once

MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def decode(data: bytes) -> Picture:
    return decode_picture(data, captured_at=MOMENT, sha256="abc")


def save(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corner_image(width: int = 80, height: int = 40) -> Image.Image:
    """Black with a white upper left quarter."""
    image = Image.new("RGB", (width, height))
    image.paste((255, 255, 255), (0, 0, width // 2, height // 2))
    return image


def street_jpeg() -> bytes:
    return encode(np.clip(paint_place(), 0, 255).astype(np.uint8), quality=90)


def test_a_large_picture_is_reduced_to_working_size_and_remembers_its_own() -> None:
    picture = decode(save(Image.new("RGB", (3000, 2000), (10, 20, 30)), "JPEG"))
    assert (picture.width, picture.height) == (3000, 2000)
    assert picture.gray.shape == (427, 640)
    assert picture.color.shape == (427, 640, 3)
    assert (picture.captured_at, picture.sha256) == (MOMENT, "abc")


def test_a_small_picture_is_not_enlarged() -> None:
    assert decode(save(corner_image())).gray.shape == (40, 80)


def test_colors_come_in_opencv_order() -> None:
    assert decode(save(Image.new("RGB", (20, 20), (200, 100, 50)))).color[5, 5].tolist() == [50, 100, 200]


def test_the_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn clockwise: the upper left becomes the upper right
    picture = decode(save(corner_image(), "JPEG", exif=exif, quality=95))
    assert (picture.width, picture.height) == (40, 80)
    assert picture.gray[10, 30] > 240
    assert picture.gray[10, 10] < 15


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA", "RGBA", "PA"])
def test_every_color_mode_shows_the_same_picture(mode: str) -> None:
    image = corner_image().convert("P").convert("PA") if mode == "PA" else corner_image().convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG" if mode != "PA" else None
    picture = decode(save(image, kind) if kind else save(image.convert("RGBA"), "WEBP", lossless=True))
    assert picture.gray[5, 5] > 240
    assert picture.gray[35, 75] < 15


def test_sixteen_bits_keep_their_upper_eight() -> None:
    deep = np.full((20, 20), 128 << 8, np.uint16)
    assert decode(save(Image.fromarray(deep))).gray[5, 5] == 128


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        street_jpeg()[:3000],
        save(corner_image())[:-30],
        save(corner_image(), "GIF"),
        save(corner_image())[:20] + b"\xff" * 200,
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "other format", "broken PNG"],
)
def test_what_is_no_whole_picture_is_refused_with_a_sentence(data: bytes) -> None:
    for read in (decode, make_thumbnail):
        with pytest.raises(Undecodable, match=r"^The picture .*\.$"):
            read(data)


def test_damage_in_the_middle_of_a_jpeg_is_noticed() -> None:
    data = bytearray(street_jpeg())
    data[len(data) // 2 : len(data) // 2 + 60] = b"\xff\xd5" * 30
    with pytest.raises(Undecodable):
        decode(bytes(data))


def test_more_pixels_than_can_be_handled_are_refused_unread() -> None:
    with pytest.raises(Undecodable, match="pixels"):  # in our words, or in Pillow's where its limit is lower
        decode(save(Image.new("1", (13000, 13000))))


@pytest.mark.parametrize(
    ("size", "expected"), [((1600, 1200), (400, 300)), ((1000, 200), (400, 80)), ((90, 60), (90, 60))]
)
def test_a_thumbnail_fits_its_frame_and_is_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    thumbnail = Image.open(io.BytesIO(make_thumbnail(save(Image.new("RGB", size), "JPEG"))))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", expected)
    assert "progressive" not in thumbnail.info


def test_a_thumbnail_says_nothing_about_place_person_or_device() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Secret Cameras"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    data = save(corner_image(), "JPEG", exif=exif, icc_profile=b"private profile", comment=b"private words")
    assert b"Secret Cameras" in data
    bare = make_thumbnail(data)
    thumbnail = Image.open(io.BytesIO(bare))
    assert not thumbnail.getexif()
    assert thumbnail.size == (40, 80)
    assert not {"icc_profile", "comment", "exif"} & thumbnail.info.keys()
    assert not any(secret in bare for secret in (b"Secret", b"private"))


def test_transparency_becomes_white_paper_in_a_thumbnail() -> None:
    data = save(Image.new("RGBA", (40, 40), (0, 0, 0, 0)))
    assert Image.open(io.BytesIO(make_thumbnail(data))).getpixel((20, 20)) == (255, 255, 255)
