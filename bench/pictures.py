"""Pictures of a wanted size in bytes, made on the spot."""

import io

import numpy as np
from PIL import Image


def make_jpeg(width: int, height: int, size: int) -> bytes:
    """Return a JPEG of about ``size`` bytes: a coarse pattern with as much noise as it takes."""
    random = np.random.default_rng(7)
    coarse = random.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
    pattern = np.asarray(Image.fromarray(coarse).resize((width, height))).astype(float)
    low, high = 0.0, 80.0
    data = b""
    for _ in range(12):
        strength = (low + high) / 2
        noisy = np.clip(pattern + random.normal(0, strength, pattern.shape), 0, 255)
        out = io.BytesIO()
        Image.fromarray(noisy.astype(np.uint8)).save(out, "JPEG", quality=85)
        data = out.getvalue()
        low, high = (strength, high) if len(data) < size else (low, strength)
    return data
