"""What became of each thing a source held. In the end the sums must be those of the source."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import IO, NamedTuple

from orgs.export import harmless


class Outcome(StrEnum):
    IMPORTED = "imported"
    ALREADY_THERE = "already there"
    REFUSED = "refused"


class Refused(Exception):
    """Something in the source cannot be taken over. ``reason`` is a word to count by, ``str()`` a sentence."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Fate(NamedTuple):
    """How something ended; ``reason`` and ``sentence`` are there for what was refused."""

    outcome: Outcome
    reason: str = ""
    sentence: str = ""
    capture: str = ""  # the id of the capture that is there now

    @classmethod
    def of(cls, refusal: Refused) -> "Fate":
        return cls(Outcome.REFUSED, refusal.reason, str(refusal))


COLUMNS = ("kind", "name", "outcome", "reason", "detail", "capture")


class Tally:
    """Counts fates by kind (files, or the tables of a database); writes each as a line of a CSV file, if given."""

    def __init__(self, report: IO[str] | None = None) -> None:
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.notes: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()
        self._lines = csv.writer(report) if report else None
        if self._lines:
            self._lines.writerow(COLUMNS)

    def expect(self, kind: str, count: int = 1) -> None:
        """Say that the source holds so many more, before anybody looks at what they are."""
        self.expected[kind] += count

    def add(self, kind: str, name: str, fate: Fate) -> None:
        self.counts[kind, fate.outcome] += 1
        if fate.reason:
            self.reasons[kind, fate.reason] += 1
        if self._lines:
            self._lines.writerow([harmless(cell) for cell in (kind, name, *fate[:3], fate.capture)])

    def note(self, sentence: str, count: int = 1) -> None:
        """Count what was taken over and that people should know about."""
        self.notes[sentence] += count

    def imbalances(self) -> list[str]:
        """Return a sentence for each kind of which something is not accounted for, or is twice."""
        return [
            f"{self.expected[kind]} {kind} in the source, {self.total(kind)} accounted for."
            for kind in self.kinds()
            if self.expected[kind] != self.total(kind)
        ]

    def kinds(self) -> list[str]:
        return list(dict.fromkeys([*self.expected, *(kind for kind, _ in self.counts)]))

    def total(self, kind: str) -> int:
        return sum(self.counts[kind, outcome] for outcome in Outcome)

    def lines(self) -> Iterator[str]:
        """The sums, as a table for people."""
        for kind in self.kinds():
            parts = ", ".join(f"{self.counts[kind, outcome]} {outcome}" for outcome in Outcome)
            yield f"{self.expected[kind]} {kind} in the source: {parts}"
            yield from _counted({reason: n for (k, reason), n in self.reasons.items() if k == kind}, "refused")
        yield from _counted(self.notes, "note")


def _counted(counts: Mapping[str, int], what: str) -> Iterator[str]:
    for words, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {what}: {count} × {words}"
