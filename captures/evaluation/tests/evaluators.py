"""Evaluators as the setting VISANT_EVALUATORS names them, each with one way to answer."""

import os
import time
from pathlib import Path
from typing import Any

from captures.evaluation.pictures import Picture
from captures.evaluation.verdicts import Context, EvaluatorFailed, Verdict


class SaysNormal:
    name = "calm"
    version = "1"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        return Verdict("normal", 0.25, "As usual.")


class SaysAbnormal(SaysNormal):
    name = "worried"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        return Verdict("abnormal", 0.75, "A door is open.", details={"door": "open"})


class SaysUncertain(SaysNormal):
    name = "doubtful"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        return Verdict("uncertain", None, "Learning.")


class Fails(SaysNormal):
    """Cannot be reached, and says so."""

    name = "unreachable"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        raise EvaluatorFailed("The provider did not answer.")


class Breaks(SaysNormal):
    """Has a bug."""

    name = "broken"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        raise ZeroDivisionError("division by zero")


class SaysNothing(SaysNormal):
    name = "silent"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        return None


class SaysNonsense(SaysNormal):
    name = "nonsense"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        return Verdict("fine", 0.0, "All good.")  # type: ignore[arg-type]


class Waits(SaysNormal):
    """Tells in a file that it began; the first one never ends."""

    name = "slow"

    def evaluate(self, picture: Picture, context: Context) -> Any:
        began = Path(os.environ["VISANT_TEST_BEGAN"])
        is_first = not began.exists()
        began.touch()
        if is_first:
            time.sleep(600)
        return Verdict("normal", 0.25, "As usual.")
