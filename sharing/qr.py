"""The address of a link as a QR code (ISO/IEC 18004), to print and to scan."""

import io

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.image.svg import SvgPathImage

from orgs.errors import Invalid

# How much of the code may be dirty or torn: 7, 15, 25 and 30 %.
CORRECTIONS = {"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q, "H": ERROR_CORRECT_H}
DEFAULT_CORRECTION = "M"
SMALLEST, LARGEST, DEFAULT_SIZE = 64, 4096, 512
# The light margin that scanners look for, in modules.
QUIET_ZONE = 4
# Of modules of one or two pixels scanners make nothing.
LEAST_PIXELS = 3


class BadQRCode(Invalid):
    code = "bad_qrcode"


def qr_png(text: str, *, size: int = DEFAULT_SIZE, correction: str = DEFAULT_CORRECTION) -> bytes:
    """Return a square PNG of ``size`` pixels, the margin among them. Raises :class:`BadQRCode`."""
    _refuse_size(size)
    code = _code(text, correction)
    modules = code.modules_count + 2 * QUIET_ZONE
    if size < LEAST_PIXELS * modules:
        raise BadQRCode(
            f"This code needs at least {LEAST_PIXELS * modules} pixels at error correction {correction}."
        )
    # Whole pixels for each module, then white around: stretched modules are what scanners stumble over.
    code.box_size = size // modules
    drawn = code.make_image().get_image().convert("L")
    page = Image.new("L", (size, size), 255)
    left = (size - drawn.width) // 2
    page.paste(drawn, (left, left))
    out = io.BytesIO()
    page.convert("1").save(out, "PNG")
    return out.getvalue()


def qr_svg(text: str, *, size: int = DEFAULT_SIZE, correction: str = DEFAULT_CORRECTION) -> bytes:
    """Return an SVG that is shown ``size`` pixels wide and can be printed at any. Raises :class:`BadQRCode`."""
    _refuse_size(size)
    image = _code(text, correction).make_image(image_factory=_OnWhite)
    svg = image.get_image()
    svg.set("width", str(size))
    svg.set("height", str(size))
    return bytes(image.to_string(encoding="utf-8"))


class _OnWhite(SvgPathImage):  # type: ignore[misc] # the library has no types
    # A code on a dark page cannot be read.
    background = "white"


def _refuse_size(size: int) -> None:
    if not SMALLEST <= size <= LARGEST:
        raise BadQRCode(f"size must be {SMALLEST} to {LARGEST} pixels.")


def _code(text: str, correction: str) -> "qrcode.QRCode":
    if correction not in CORRECTIONS:
        raise BadQRCode(f"error_correction must be one of {', '.join(CORRECTIONS)}.")
    code = qrcode.QRCode(error_correction=CORRECTIONS[correction], border=QUIET_ZONE)
    code.add_data(text)
    code.make()
    return code
