"""QR codes: what is drawn can be read, and is of the size that was asked for."""

import io

import numpy as np
import pytest
from PIL import Image

from sharing.qr import BadQRCode, qr_png, qr_svg
from tests.scanner import scanned_pixels

ADDRESS = "https://visant.example.org/s/Qx7abcdefghijklmnopqrstuvwxyz012"
pytestmark = pytest.mark.once


@pytest.mark.parametrize("correction", "LMQH")
@pytest.mark.parametrize("size", [160, 301, 1000])
def test_a_png_of_any_size_and_correction_can_be_read(size, correction):
    drawn = qr_png(ADDRESS, size=size, correction=correction)
    image = Image.open(io.BytesIO(drawn))
    assert (image.format, image.size) == ("PNG", (size, size))
    pixels = np.asarray(image.convert("L"))
    assert scanned_pixels(pixels) == ADDRESS
    # The light margin that scanners need.
    assert pixels[: size // 20].min() == pixels[:, : size // 20].min() == 255


def test_an_svg_is_dark_on_white_and_shown_as_large_as_asked():
    drawn = qr_svg(ADDRESS, size=300).decode()
    assert 'width="300" height="300"' in drawn
    assert '<rect fill="white"' in drawn
    assert "<script" not in drawn


@pytest.mark.parametrize("draw", [qr_png, qr_svg])
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"size": 63}, "size must be 64 to 4096 pixels"),
        ({"size": 4097}, "size must be 64 to 4096 pixels"),
        ({"correction": "X"}, "error_correction must be one of L, M, Q, H"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_reason(draw, asked, sentence):
    with pytest.raises(BadQRCode, match=sentence):
        draw(ADDRESS, **asked)


def test_a_code_too_fine_to_be_scanned_is_not_drawn():
    with pytest.raises(BadQRCode, match="needs at least 159 pixels at error correction H"):
        qr_png("x" * 60, size=158, correction="H")
