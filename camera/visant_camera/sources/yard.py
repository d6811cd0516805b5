"""The yard of the painted scene: what stands there, and where its shadows fall.

Coordinates are pixels of a 640×480 picture. The camera hangs 1.9 m high with the horizon at y = 180, so at
ground line y one metre is ``(y - 180) / 1.9`` pixels; everything is sized by that.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from visant_camera.sources.brush import FINE, HEIGHT, HORIZON, SIZE, WIDTH, Brush, Point, mix, tint


def paint_yard(rng: random.Random) -> Image.Image:
    """The empty yard at noon, RGB 640×480. The same ``rng`` state paints the same yard."""
    canvas = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE))
    brush = Brush(canvas)
    _sky(canvas, brush, rng)
    _hills(brush, rng)
    _lawn(brush, rng)
    _path(brush, rng)
    _fence(brush, rng)
    _house(brush, rng)
    _tree(brush, rng)
    _flowers(brush, rng)
    return canvas.resize(SIZE, Image.Resampling.LANCZOS)


def paint_shadows(sun: float) -> Image.Image:
    """Where the sun does not reach, L 640×480, 255 is full shadow. ``sun`` is -1 (left) … 1 (right)."""
    mask = Image.new("L", SIZE)
    draw = ImageDraw.Draw(mask)
    reach = -sun / 2  # shadows fall away from the sun, which stands high
    draw.polygon([(0, 330), (212, 330), (212 + 130 * reach, 372 - 12 * abs(sun)), (0, 372)], fill=255)
    draw.polygon([(541, 300), (553, 300), (553 + 80 * reach, 336), (541 + 80 * reach, 336)], fill=255)
    crown_x, crown_y = 547 + 130 * reach, 352
    draw.ellipse([crown_x - 100, crown_y - 24, crown_x + 100, crown_y + 24], fill=255)
    draw.polygon([(212, 270), (640, 270), (640 + 30 * reach, 281), (212 + 30 * reach, 281)], fill=200)
    on_ground = Image.new("L", SIZE)
    on_ground.paste(255, (0, 262, WIDTH, HEIGHT))
    return ImageChops.multiply(mask.filter(ImageFilter.GaussianBlur(5)), on_ground)


def _sky(canvas: Image.Image, brush: Brush, rng: random.Random) -> None:
    for row in range(HORIZON + 20):
        brush.box(0, row, WIDTH, row + 1, mix((104, 156, 208), (208, 224, 232), row / (HORIZON + 20)))
    clouds = Image.new("L", canvas.size)
    paint = ImageDraw.Draw(clouds)
    for _ in range(4):
        x, y = rng.uniform(180, 640), rng.uniform(25, 110)
        for _ in range(9):
            puff_x, puff_y = x + rng.gauss(0, 34), y + rng.gauss(0, 6)
            width, height = rng.uniform(40, 84), rng.uniform(12, 24)
            box = [puff_x - width / 2, puff_y - height / 2, puff_x + width / 2, puff_y + height / 2]
            paint.ellipse([edge * FINE for edge in box], fill=rng.randint(110, 190))
    canvas.paste((246, 247, 248), mask=clouds.filter(ImageFilter.GaussianBlur(9 * FINE)))


def _hills(brush: Brush, rng: random.Random) -> None:
    for base, colour in ((166, (136, 158, 160)), (176, (102, 132, 112))):
        points: list[Point] = [(0, 230)]
        height = 0.0
        for across in range(0, WIDTH + 20, 20):
            height = 0.75 * height + rng.gauss(0, 3)
            points.append((across, base + height))
        brush.polygon([*points, (WIDTH, 230)], colour)
    for _ in range(90):
        size = rng.uniform(12, 30)
        brush.blob(rng.uniform(200, 640), 205 - size * 0.4, size, size, tint((74, 104, 70), rng, 12))


def _lawn(brush: Brush, rng: random.Random) -> None:
    for y in range(200, HEIGHT):
        brush.box(0, y, WIDTH, y + 1, mix((116, 146, 82), (84, 120, 56), (y - 200) / 280))
    for _ in range(5200):
        part = rng.random() ** 0.8
        x, foot = rng.uniform(0, WIDTH), 200 + 280 * part
        colour = tint(mix((116, 146, 82), (84, 120, 56), part), rng, 15)
        tip = (x + rng.uniform(-1.5, 1.5), foot - 1 - 4.7 * part)
        brush.line([(x, foot), tip], colour, 0.6 + part * 0.7)


def _path(brush: Brush, rng: random.Random) -> None:
    left = [(424, 268), (404, 292), (352, 326), (250, 372), (120, 430), (20, 480)]
    right = [(330, 480), (390, 430), (428, 372), (454, 326), (464, 292), (464, 268)]
    brush.polygon([(x - 3, y) for x, y in left] + [(x + 3, y) for x, y in right], (96, 104, 70))
    brush.polygon(left + right, (176, 166, 148))
    for _ in range(900):
        y = rng.uniform(270, 478)
        edge_left = _edge(left, y)
        edge_right = _edge(right[::-1], y)
        size = 0.8 + (y - 260) / 70
        x = rng.uniform(edge_left + size, edge_right - size)
        brush.blob(x, y, size * 1.8, size, tint((172, 162, 144), rng, 20))


def _edge(line: Sequence[Point], y: float) -> float:
    """The x of a line of points (top to bottom) at height ``y``."""
    for (x1, y1), (x2, y2) in zip(line, line[1:]):
        if y <= y2:
            return x1 + (x2 - x1) * (y - y1) / (y2 - y1)
    return line[-1][0]


def _fence(brush: Brush, rng: random.Random) -> None:
    for y in (224, 256):
        brush.box(212, y, WIDTH, y + 4, (128, 98, 68))
    for x in range(214, WIDTH, 11):
        colour = tint((158, 124, 88), rng, 9)
        top = 213 + rng.uniform(-1, 1)
        brush.polygon([(x, 270), (x, top + 4), (x + 4, top), (x + 8, top + 4), (x + 8, 270)], colour)
        brush.line([(x + 8, top + 4), (x + 8, 270)], (112, 84, 58), 0.8)
    _gate(brush)


def _gate(brush: Brush) -> None:
    brush.box(421, 208, 467, 272, (150, 160, 130))
    brush.box(424, 214, 464, 270, (92, 112, 100))
    for x in range(427, 464, 6):
        brush.box(x, 216, x + 3, 268, (116, 138, 122))
    brush.line([(425, 266), (463, 219)], (82, 100, 90), 2.5)
    for x in (416, 464):
        brush.box(x, 203, x + 8, 273, (120, 114, 108))
        brush.box(x - 1, 200, x + 9, 204, (142, 136, 128))


def _house(brush: Brush, rng: random.Random) -> None:
    wall = (222, 206, 178)
    brush.box(0, 88, 212, 330, wall)
    for _ in range(1600):
        x, y = rng.uniform(0, 200), rng.uniform(90, 318)
        brush.line([(x, y), (x + rng.uniform(2, 9), y)], tint(wall, rng, 6), 0.8)
    brush.box(0, 312, 212, 332, (140, 132, 122))
    for y in range(34, 92, 8):
        inset = (92 - y) * 0.55
        brush.polygon([(0, y), (228 - inset, y), (232 - inset, y + 8), (0, y + 8)], tint((142, 78, 60), rng, 6))
        for x in range(0, int(226 - inset), 12):
            brush.line([(x + y % 16 / 2, y), (x + y % 16 / 2, y + 8)], (118, 62, 48), 0.8)
    brush.box(0, 91, 231, 97, (92, 78, 68))
    brush.box(0, 97, 212, 106, (186, 170, 146))  # the shade under the eaves
    brush.box(204, 97, 208, 322, (150, 148, 144))  # the rain pipe
    _window(brush, 18, 150, 82, 234)
    _door(brush)


def _window(brush: Brush, left: float, top: float, right: float, bottom: float) -> None:
    brush.box(left - 5, top - 5, right + 5, bottom + 5, (238, 234, 226))
    for y in range(int(top), int(bottom)):
        brush.box(left, y, right, y + 1, mix((74, 92, 108), (128, 150, 164), (y - top) / (bottom - top)))
    brush.polygon([(left, bottom), (left, top + 30), (left + 34, bottom)], (150, 170, 180))
    middle = (left + right) / 2
    brush.box(middle - 2, top, middle + 2, bottom, (238, 234, 226))
    brush.box(left, top + 30, right, top + 33, (238, 234, 226))
    brush.box(left - 9, bottom + 5, right + 9, bottom + 11, (170, 162, 150))


def _door(brush: Brush) -> None:
    brush.box(114, 166, 186, 330, (236, 230, 220))
    brush.box(120, 172, 180, 330, (74, 96, 88))
    for top in (180, 256):
        brush.box(127, top, 173, top + 62, (64, 84, 78))
        brush.box(130, top + 3, 170, top + 59, (82, 106, 97))
    brush.blob(173, 250, 5, 5, (206, 180, 110))
    brush.polygon([(106, 328), (194, 328), (200, 338), (100, 338)], (164, 158, 150))


def _tree(brush: Brush, rng: random.Random) -> None:
    brush.polygon([(534, 303), (541, 270), (541, 160), (554, 160), (554, 270), (562, 303)], (98, 76, 58))
    brush.polygon([(550, 303), (549, 160), (554, 160), (554, 270), (562, 303)], (80, 60, 46))
    brush.line([(546, 196), (516, 150)], (94, 72, 56), 5)
    brush.line([(549, 188), (582, 140)], (84, 64, 50), 5)
    for spread, colour in ((1.0, (52, 82, 42)), (0.9, (68, 102, 50)), (0.72, (86, 122, 58))):
        for _ in range(150):
            x = 547 + rng.gauss(0, 36) * spread
            y = 106 + rng.gauss(0, 31) * spread - (1 - spread) * 30
            size = rng.uniform(10, 26) * spread
            brush.blob(x, y, size * 1.2, size, tint(colour, rng, 10))


def _flowers(brush: Brush, rng: random.Random) -> None:
    for _ in range(70):
        x, y = rng.uniform(4, 100), rng.gauss(336, 4)
        brush.blob(x, y, 9, 9, tint((70, 106, 54), rng, 12))
    for _ in range(34):
        x, y = rng.uniform(6, 98), rng.gauss(332, 4)
        brush.blob(x, y, 4, 4, rng.choice([(206, 84, 84), (228, 198, 92), (222, 214, 226)]))
