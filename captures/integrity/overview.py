"""The nightly jobs at a glance: when each ran last, what came of it, and when it runs next."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings

from captures.integrity.models import HousekeepingRun
from captures.integrity.runs import INTEGRITY, PRUNE, SWEEP, last_run
from captures.retention.foreseeing import at_once, foresee, preview_of
from captures.retention.models import Forecast
from captures.retention.pruning import next_nights, next_run_at, with_rules
from captures.retention.tasks import count_forecasts
from captures.upkeep import is_upkeep_held, sweep_files
from orgs import scope

# A page that counts for more organizations takes too long.
MOST_ORGANIZATIONS = 100
FILES_SHOWN = 200
# What reports hold, in the order in which it is read; a database keeps it in one of its own.
SHOWN = (
    *("pictures", "bytes", "kept"),
    *("files", "quarantined", "deleted", "restored"),
    *("looked_for", "read", "bytes_read", "missing", "damaged", "mended", "exports_lost"),
)


@dataclass(frozen=True)
class Job:
    name: str
    says: str
    last: HousekeepingRun | None
    next_at: datetime | None
    is_held: bool = False

    @property
    def outcome(self) -> str:
        return "" if self.last is None else outcome_of(self.last)


def jobs(now: datetime) -> list[Job]:
    """All jobs; a few queries, however many organizations."""
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    held = is_upkeep_held()
    says = "deletes what the retention rules say, by night"
    found = [Job(PRUNE, says, _last_pruning(), _next_pruning(now), held)]
    for name, says in (
        (SWEEP, "moves files without a row to the quarantine, and deletes them after 30 days"),
        (INTEGRITY, "looks whether all pictures are there, and reads some of them again"),
    ):
        last = last_run(name)
        is_done = last is not None and last.day >= now.astimezone(UTC).date()
        found.append(Job(name, says, last, tomorrow if is_done else now, held and name == SWEEP))
    return found


def outcome_of(run: HousekeepingRun) -> str:
    """What a turn came to: “3 pictures, 1,200 bytes, kept: 2 held”."""
    if run.error:
        return f"failed: {run.error}"
    said = [_in_words(name, run.report[name]) for name in SHOWN if name in run.report]
    return ", ".join(filter(None, said)) or "nothing"


def would_do(job: str, now: datetime) -> Iterator[str]:
    """Lines that say what the job would do if it ran as it is planned. Nothing is changed."""
    lines: dict[str, Callable[[datetime], Iterable[str]]] = {
        PRUNE: _would_prune,
        SWEEP: _would_sweep,
        INTEGRITY: _would_check,
    }
    yield from lines[job](now)


def _would_prune(now: datetime) -> Iterator[str]:
    """What is not counted in the time of one page, for all of them together, workers count."""
    orgs, until, is_waiting = with_rules(), at_once(), False
    for org in orgs[:MOST_ORGANIZATIONS]:
        with scope.within(org.pk):
            forecast = foresee(org, at=next_run_at(org, now), until=until)
        is_waiting = is_waiting or forecast.state == "waiting"
        yield f"{org.slug}, {forecast.at:%Y-%m-%d %H:%M %Z}: {_foreseen(forecast)}"
    if is_waiting:
        count_forecasts.enqueue()
    if len(orgs) > MOST_ORGANIZATIONS:
        yield f"And {len(orgs) - MOST_ORGANIZATIONS} more organizations, see manage.py prune --dry-run."
    if not orgs:
        yield "No organization has a rule."


def _foreseen(forecast: Forecast) -> str:
    numbers = preview_of(forecast)
    if numbers is not None:
        return numbers.sentence
    since = f"{forecast.asked_at:%Y-%m-%d %H:%M} UTC"
    return forecast.error or f"It is being counted since {since}. Load this page again in some minutes."


def _would_sweep(now: datetime) -> Iterator[str]:
    report = sweep_files(now=now, dry_run=True)
    for word, keys in (
        ("quarantine", report.quarantined),
        ("delete", report.deleted),
        ("restore", report.restored),
    ):
        yield f"{word}: {len(keys)} files"
        yield from keys[:FILES_SHOWN]


def _would_check(now: datetime) -> Iterator[str]:
    yield "Look for the bytes of every picture."
    yield f"Read {settings.VISANT_INTEGRITY_GB_A_DAY} GB of them again, from where it stopped."


def _last_pruning() -> HousekeepingRun | None:
    return HousekeepingRun.objects.filter(job=PRUNE).order_by("-day", "-started_at").first()


def _next_pruning(now: datetime) -> datetime | None:
    return min((night for _, night in next_nights(now)), default=None)


def _in_words(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{name}: " + ", ".join(f"{count} {word}" for word, count in sorted(value.items())) if value else ""
    return f"{value:,} {name.replace('_', ' ')}" if isinstance(value, int) else ""
