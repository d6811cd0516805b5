"""Which pixels of a picture count."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from captures.evaluation.regions import Region

Mask = npt.NDArray[np.bool_]


def build_mask(
    width: int, height: int, regions: Sequence[Region] = (), ignore_regions: Sequence[Region] = ()
) -> Mask:
    """Return a (height, width) mask, true where a picture counts: inside a region, outside every ignored
    one."""
    mask = np.zeros((height, width), np.uint8)
    if regions:
        _fill(mask, regions, 1)
    else:
        mask[:] = 1
    _fill(mask, ignore_regions, 0)
    return mask.astype(bool)


def _fill(mask: npt.NDArray[np.uint8], polygons: Sequence[Region], value: int) -> None:
    height, width = mask.shape
    for polygon in polygons:
        # One at a time: given several, fillPoly leaves out where an even number of them overlap.
        # Pixel centres stand at +0.5, so an edge at 0.35 of 240 rows includes row 84, not row 83.
        corners = np.array(polygon) * (width, height) - 0.5
        cv2.fillPoly(mask, [np.round(corners * 256).astype(np.int32)], value, shift=8)
