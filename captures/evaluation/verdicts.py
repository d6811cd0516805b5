"""What an evaluator is given and what it answers. Plain data, nothing of Django."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from captures.evaluation.pictures import Picture
from captures.evaluation.regions import Region

MARKED_ENOUGH = 5
"""With this many references that a person called normal, judging starts at once."""


class EvaluatorFailed(Exception):
    """An evaluator could not do its work, through no fault of the picture. Worth another attempt."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where something was noticed, in fractions (0–1) of the picture, from the upper left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one picture.

    ``score`` says how far from normal: 0 exactly as the references, 0.5 at the calibrated threshold, towards
    1 very far; ``None`` when nothing was compared. ``reason`` is one sentence for people. ``details`` is
    JSON-able.
    """

    verdict: Literal["normal", "abnormal", "uncertain"]
    score: float | None
    reason: str
    boxes: tuple[Box, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the camera when one of its pictures is judged.

    ``references`` and ``previous`` are called only when needed. ``references`` returns those marked normal
    by a person first. ``references_key`` must change whenever the set of references, or a region, changes:
    evaluators keep what they learnt under it. Without ``regions`` the whole picture counts, always less
    ``ignore_regions``.
    """

    references: Callable[[], Sequence[Picture]]
    references_key: str
    reference_count: int
    references_needed: int = 20
    marked_count: int = 0
    regions: tuple[Region, ...] = ()
    ignore_regions: tuple[Region, ...] = ()
    previous: Callable[[], Picture | None] = lambda: None

    @property
    def is_learning(self) -> bool:
        """Whether there are still too few references to judge by."""
        return self.marked_count < MARKED_ENOUGH and self.reference_count < self.references_needed


class Evaluator(Protocol):
    """Anything that can judge a picture. ``name`` and ``version`` are stored with the verdict."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def evaluate(self, picture: Picture, context: Context) -> Verdict: ...
