"""Small JPEGs without a library, each with other pixels."""

from __future__ import annotations

import random
import struct

WIDTH, HEIGHT, BLOCK = 320, 240, 8
LEVELS = 1023  # the largest step between two blocks' brightness; their difference needs ten bits


def make_jpeg(rng: random.Random, note: str) -> bytes:
    """A grey baseline JPEG of random tiles, about 2 KB; ``note`` stands in it as a comment.

    ITU-T T.81: each 8×8 block has a brightness (DC) and no detail (AC), so two tiny Huffman tables do.
    """
    count = (WIDTH // BLOCK) * (HEIGHT // BLOCK)
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            _segment(0xFE, note.encode()),
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC0, struct.pack(">BHHBBBB", 8, HEIGHT, WIDTH, 1, 1, 0x11, 0)),
            # DC: twelve categories, all of four bits. AC: one code of one bit, "the rest of this block is zero".
            _segment(0xC4, b"\0" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12))),
            _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0"),
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
            _scan([rng.randint(-LEVELS // 2, LEVELS // 2) for _ in range(count)]),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _scan(brightnesses: list[int]) -> bytes:
    bits, before = [], 0
    for brightness in brightnesses:
        step, before = brightness - before, brightness
        size = abs(step).bit_length()
        # A negative step is written as its ones' complement (T.81, F.1.2.1).
        value = step if step >= 0 else step + (1 << size) - 1
        bits.append(f"{size:04b}" + (f"{value:0{size}b}" if size else "") + "0")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
