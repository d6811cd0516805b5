"""Whether a picture is one, is whole and is bearable: with nothing but its bytes to go by."""

import io
import os
import struct
import subprocess
import sys
import zlib

import pytest
from django.conf import settings as django_settings
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from captures.inspection import BrokenPicture, NotAPicture, PictureFacts, TooManyPixels, inspect_picture
from captures.models import Capture
from orgs.errors import DomainError
from tests.builders import make_device, make_jpeg, make_picture, stored_files

WHOLE = {kind: make_picture(kind) for kind in ("JPEG", "PNG", "WEBP")}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ANIMATION = {"save_all": True, "append_images": [Image.new("RGB", (64, 48), "red")]}


def saved(image: Image.Image, kind: str, **save) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **save)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*chunks: bytes, size: tuple[int, int] = (10, 10)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    return PNG_SIGNATURE + header + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp")])
def test_a_whole_picture_is_taken_for_what_it_is(kind, extension):
    assert inspect_picture(WHOLE[kind]) == PictureFacts(f"image/{extension}", extension, 64, 48)


RGB = Image.open(io.BytesIO(WHOLE["PNG"])).convert("RGB")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("grey", saved(RGB.convert("L"), "JPEG")),
        ("four inks", saved(RGB.convert("CMYK"), "JPEG")),
        ("progressive", saved(RGB, "JPEG", progressive=True)),
        ("full colour", saved(RGB, "JPEG", subsampling=0)),
        (
            "rotated by EXIF",
            saved(RGB, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
        ),
        ("with a preview behind it", saved(RGB, "MPO", **ANIMATION)),
        ("with an archive behind it", WHOLE["JPEG"] + b"PK\x03\x04" + bytes(1000)),
    ],
)
def test_every_sort_of_jpeg_is_taken(name, data):
    assert inspect_picture(data) == PictureFacts("image/jpeg", "jpeg", 64, 48)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("png", saved(RGB.convert("1"), "PNG")),
        ("png", saved(RGB.convert("L"), "PNG")),
        ("png", saved(RGB.convert("LA"), "PNG")),
        ("png", saved(RGB.convert("P"), "PNG", transparency=1)),
        ("png", saved(RGB.convert("RGBA"), "PNG")),
        ("png", saved(RGB.convert("I;16"), "PNG")),
        ("png", saved(RGB, "PNG", **ANIMATION)),
        ("webp", saved(RGB, "WEBP", lossless=True)),
        ("webp", saved(RGB.convert("RGBA"), "WEBP")),
        ("webp", saved(RGB, "WEBP", **ANIMATION)),
    ],
)
def test_every_sort_of_png_and_webp_is_taken(kind, data):
    assert inspect_picture(data) == PictureFacts(f"image/{kind}", kind, 64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_pictures_are_taken(kind, size):
    facts = inspect_picture(make_picture(kind, size=size))
    assert (facts.width, facts.height) == size


@pytest.mark.parametrize(("kind", "tail"), [("JPEG", 1), ("PNG", 5), ("WEBP", 1)])
def test_wherever_a_picture_is_cut_off_it_is_refused(kind, tail):
    """Only the checksum of PNG's end mark may be missing: by then every pixel is there."""
    whole = WHOLE[kind]
    for length in range(len(whole) - tail + 1):
        with pytest.raises((BrokenPicture, NotAPicture)):
            inspect_picture(whole[:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("part", [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("filler", [b"", bytes(512), b"\xff" * 512], ids=["lost", "zeros", "ones"])
def test_a_damaged_sector_in_the_middle_is_noticed(kind, part, filler):
    """PNG by its checksums. JPEG has none: of sectors none is missed, of 64 bytes about half are."""
    whole = make_picture(kind, size=(320, 240))
    at = int(len(whole) * part)
    with pytest.raises(BrokenPicture):
        inspect_picture(whole[:at] + filler + whole[at + 512 :])


@pytest.mark.parametrize("at", range(45, len(WHOLE["PNG"]) - 12, 501))
def test_a_single_bit_that_fell_over_in_a_png_is_noticed(at):
    damaged = bytearray(WHOLE["PNG"])
    damaged[at] ^= 1
    with pytest.raises(BrokenPicture):
        inspect_picture(bytes(damaged))


def test_a_webp_whose_container_lies_about_its_length_is_refused():
    whole = WHOLE["WEBP"]
    with pytest.raises((BrokenPicture, NotAPicture)):
        inspect_picture(whole[:4] + struct.pack("<I", len(whole) + 1000) + whole[8:])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff",
        b"<html><img src=x></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + WHOLE["JPEG"],
        b"%PDF-1.4\n" + WHOLE["JPEG"],
        saved(RGB, "GIF"),
        saved(RGB, "BMP"),
        saved(RGB, "TIFF"),
        saved(RGB, "JPEG2000"),
    ],
)
def test_what_is_another_thing_is_no_picture(data):
    with pytest.raises(NotAPicture):
        inspect_picture(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        png(),
        PNG_SIGNATURE + chunk(b"IHDR", b"short") + chunk(b"IEND", b""),
    ],
    ids=["nothing", "PNG without pixels", "short header"],
)
def test_a_shell_without_a_picture_is_broken(data):
    with pytest.raises(BrokenPicture):
        inspect_picture(data)


@pytest.mark.once
@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"], ids=["text", "profile"])
def test_a_bomb_beside_no_picture_is_broken(name):
    """Packed here, and not where the parameters stand: every process reads those."""
    packed = zlib.compress(bytes(100_000_000))
    with pytest.raises(BrokenPicture):
        inspect_picture(png(chunk(name, b"a\0\0" + packed), chunk(b"IDAT", b"")))


def jpeg_that_says(width: int, height: int) -> bytes:
    """A small JPEG whose header was changed to claim another size."""
    data = make_jpeg()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        png(chunk(b"IDAT", b""), size=(7072, 7072)),
        png(chunk(b"IDAT", b""), size=(60_000, 60_000)),
        png(chunk(b"IDAT", b""), size=(2**31 - 1, 1)),
        jpeg_that_says(7072, 7072),
        jpeg_that_says(65_500, 65_500),
    ],
)
def test_a_bomb_is_refused_by_its_header(data):
    with pytest.raises(TooManyPixels):
        inspect_picture(data)


def test_a_picture_that_claims_more_than_it_holds_is_broken():
    with pytest.raises(BrokenPicture):
        inspect_picture(jpeg_that_says(7000, 7000))


def webp_that_says(width: int, height: int) -> bytes:
    """A small animation whose container was changed to claim another canvas."""
    data = bytearray(saved(RGB, "WEBP", **ANIMATION))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


@pytest.mark.once
@pytest.mark.parametrize("size", [(16_383, 16_383), (30_000, 30_000)])
def test_a_bomb_costs_no_memory(tmp_path, size):
    """Gigabytes when decoded: looked at in a process of its own, which tells how much it took."""
    bomb = tmp_path / "bomb.webp"
    bomb.write_bytes(webp_that_says(*size))
    program = f"""
import resource, django
django.setup()
from captures.inspection import TooManyPixels, inspect_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    inspect_picture(open({str(bomb)!r}, "rb").read())
except TooManyPixels:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=django_settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "visant.settings", "VISANT_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 50 * 1024  # kilobytes


SEEDS = [
    *WHOLE.values(),
    saved(RGB, "JPEG", progressive=True, icc_profile=b"profile" * 20),
    saved(RGB, "MPO", **ANIMATION),
    saved(RGB, "PNG", **ANIMATION),
    saved(RGB, "WEBP", **ANIMATION),
    saved(RGB.convert("P"), "PNG", transparency=1),
]


@st.composite
def damaged_pictures(draw) -> bytes:
    """A real picture in which a few bytes were changed, left out or repeated, most often near its beginning."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        end = draw(st.sampled_from([60, 400, len(data)]))
        at = draw(st.integers(0, max(0, min(end, len(data)) - 1)))
        length = draw(st.integers(0, 6))
        data[at : at + length] = draw(st.binary(max_size=8))
    return bytes(data)


@pytest.mark.once
@settings(max_examples=600, deadline=None, derandomize=True)
@example(png())
@given(
    st.one_of(damaged_pictures(), st.sampled_from(SEEDS).flatmap(lambda seed: st.binary().map(seed[:20].__add__)))
)
def test_whatever_the_bytes_are_the_answer_is_facts_or_a_refusal(data):
    try:
        facts = inspect_picture(data)
    except DomainError:
        return
    assert facts.extension in ("jpeg", "png", "webp")
    assert 1 <= facts.width * facts.height <= 50_000_000


@pytest.mark.django_db
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(st.binary(), damaged_pictures()),
    content_type=st.sampled_from(
        ["image/jpeg", "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "image/png"]
    ),
)
def test_no_body_is_answered_with_a_server_error(camera_key, body, content_type):
    answer = Client().post(
        "/v1/captures", body, content_type=content_type, headers={"Authorization": f"Bearer {camera_key}"}
    )
    assert answer.status_code in (200, 201, 400, 413, 415)
    assert len(stored_files()) == Capture.unscoped.count()


@pytest.fixture
def camera_key(db):
    return make_device()[1]


def png_with_rows(rows: bytes, *, height: int = 48) -> bytes:
    """A PNG of 64 pixels a row whose checksums are all right, and whose compressed rows are these bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 64, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


ROW = bytes(1 + 3 * 64)


@pytest.mark.parametrize("rows", [b"notzlib", zlib.compress(ROW * 47), zlib.compress(ROW * 48)[:-5], b""])
def test_a_png_whose_rows_are_not_all_there_is_broken(rows):
    assert inspect_picture(png_with_rows(zlib.compress(ROW * 48))).height == 48
    with pytest.raises(BrokenPicture):
        inspect_picture(png_with_rows(rows))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_any_kind_has_all_its_rows(mode):
    out = io.BytesIO()
    Image.new(mode, (65, 47)).save(out, "PNG")
    assert inspect_picture(out.getvalue()).width == 65
