"""JSON from outside that is to be kept: what both databases take, and no more of it than fits."""

import json
from typing import Any


class NotStorable(ValueError):
    """``str(error)`` goes on after the name of what was sent: "must not hold NUL characters."."""


def refuse_unstorable(data: Any, *, limit: int) -> None:
    """Raise :class:`NotStorable` for what is no JSON object, or none that fits into ``limit`` characters."""
    if not isinstance(data, dict):
        raise NotStorable("must be a JSON object.")
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError as error:
        raise NotStorable("must not hold halves of characters.") from error
    except (ValueError, RecursionError) as error:
        raise NotStorable("must not hold NaN or Infinity, nor be that deep.") from error
    if len(text) > limit:
        raise NotStorable(f"is larger than {limit // 1024} KB.")
    if "\\u0000" in text.replace("\\\\", ""):  # a backslash itself is written as two
        raise NotStorable("must not hold NUL characters.")
