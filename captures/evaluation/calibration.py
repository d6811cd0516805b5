"""Thresholds from a camera's own references."""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]

MARGIN = 4.0
"""Natural spreads (standard deviations of a log-normal) between the typical clean reference and the limit."""

FLOOR = 8.0
"""Lowest limit, in units of the usual variation per pixel. References taken within minutes resemble each
other more than pictures of other hours will. On the CDnet highway sequence, learnt from its first 15 pictures,
the largest of some 60,000 cells reaches 5 in later pictures without vehicles and 60 in those with one; painted
scenes with a soft shadow of 40 % reach 7."""

WIDEST = 2.5
"""The limit is at most this many times the typical clean score: beyond, the references do not agree on
anything and the spread is contamination."""


def tolerances(scores: Scores) -> Scores:
    """Return the largest score still normal, for every column of ``scores`` (pictures × measures).

    Each row was measured against the other references. Some may be contaminated, up to about half, so level
    and spread come from the 20th and 40th percentile alone, on a logarithmic scale.
    """
    logs = np.log(np.maximum(scores, 1e-3))
    low, middle = np.quantile(logs, (0.2, 0.4), axis=0)
    # Of a normal distribution, 0.588 standard deviations lie between these two percentiles.
    reach = np.minimum(MARGIN * (middle - low) / 0.588, np.log(WIDEST))
    return np.asarray(np.maximum(np.exp(middle + reach), FLOOR))
