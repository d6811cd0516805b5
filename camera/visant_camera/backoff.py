"""How long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Exponential back-off with full jitter, in seconds.

    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: the random part keeps a
    fleet of cameras from coming back all in the same second.
    """

    def __init__(self, *, first: float = 1.0, longest: float = 30.0) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        # The exponent is bounded, so that a week of failures does not overflow a float.
        ceiling = min(self._longest, self._first * 2 ** min(self._failures, 32))
        self._failures += 1
        return random.uniform(0, ceiling)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        self._failures = 0
