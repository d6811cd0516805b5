"""Words drawn into a picture, for who shows nothing but that."""

import io

from PIL import Image, ImageDraw, ImageFont

QUALITY = 82
GROUND, TEXT = (0, 0, 0, 190), (255, 255, 255, 255)


def with_banner(data: bytes, words: str) -> bytes:
    """Return the JPEG with a bar at its lower edge that says ``words``, which are ASCII, and stand in it."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        picture = image.convert("RGB")
    # Pillow's own font, so that nothing depends on those of the machine.
    font = ImageFont.load_default(max(10, min(picture.width // 22, picture.height // 8)))
    left, top, right, bottom = font.getbbox(words)
    height = round((bottom - top) * 2)
    bar = Image.new("RGBA", (picture.width, height), GROUND)
    at = ((picture.width - (right - left)) / 2 - left, (height - (bottom - top)) / 2 - top)
    ImageDraw.Draw(bar).text(at, words, font=font, fill=TEXT)
    picture.paste(bar.convert("RGB"), (0, picture.height - height), bar.getchannel("A"))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True, comment=words)
    return out.getvalue()


def words_of(data: bytes) -> str:
    """Return what the bar of a picture says, without decoding it; nothing of what has no bar, or is none."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            comment = image.info.get("comment", b"")
    except OSError:
        return ""
    return str(comment.decode(errors="replace"))
