"""What the commands that import have in common: their options, their report, and the reconciliation in the end."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, DataError, IntegrityError
from django.utils import timezone
from tqdm import tqdm

from captures.moving.checking import Ledger, differences
from captures.moving.definitions import read_texts
from captures.moving.keys import KeyFile, hand_out, without_key
from captures.moving.outcomes import Refused, Tally
from captures.retention.preview import count_due
from captures.retention.pruning import next_run_at
from devices.models import Device
from orgs import scope
from orgs.commands import UNREACHABLE
from orgs.errors import DATABASE_DOWN
from orgs.models import Organization

STOPPED = "Run the same command again: what is there already is not taken twice."
MOST_SHOWN = 20


class ImportCommand(BaseCommand):
    """A run can be killed at any moment and started again. It exits with 0 only when it balances."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
        parser.add_argument("--batch", type=_batch, default=100, metavar="N", help="captures a transaction")
        parser.add_argument(
            "--sample", type=_count, metavar="N", help="read only so many pictures again in the end, by chance"
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write what became of each thing, as CSV")
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help="write the new keys to a new file instead of printing them"
        )
        parser.add_argument(
            "--storage",
            choices=["filesystem", "s3"],
            help="stop unless this Visant keeps its pictures there",
        )
        parser.add_argument(
            "--judge", action="store_true", help="have pictures judged that came without a verdict"
        )

    def handle(self, **options: Any) -> None:
        _refuse_other_storage(options["storage"])
        _refuse_no_new_file(options["keys"], report=options["report"])
        try:
            with _report(options["report"]) as report:
                self.bring_in(Tally(report), options)
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {STOPPED}", returncode=130) from None
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        except DataError as error:
            raise CommandError(f"The database does not take what was to be written: {error}") from error
        except IntegrityError as error:
            raise CommandError(
                f"What was to be written is there since, or not allowed: {error} {STOPPED}"
            ) from error
        except DATABASE_DOWN as error:
            sentence = f"The database does not answer: {error} {STOPPED}"
            raise CommandError(sentence, returncode=UNREACHABLE) from error
        except DatabaseError as error:
            raise CommandError(f"The database refuses: {error} {STOPPED}") from error
        except OSError as error:
            raise CommandError(
                f"The storage cannot be written or read: {error}. {STOPPED}", returncode=UNREACHABLE
            ) from error

    def texts(self, config: Path | None, tally: Tally) -> dict[str, str]:
        """The texts of ``--config``. Raises :class:`CommandError` where the folder cannot be read."""
        if config is None:
            return {}
        try:
            return read_texts(config, tally)
        except OSError as error:
            raise CommandError(f"The folder {config} cannot be read: {error.strerror}.") from error

    def bring_in(self, tally: Tally, options: dict[str, Any]) -> None:
        """Import all, and say what became of it."""
        raise NotImplementedError

    def progress(self, total: int, unit: str) -> "tqdm[Any]":
        """A bar with counts and rate, where somebody looks."""
        return tqdm(total=total, unit=unit, file=sys.stderr, disable=None, smoothing=0.1)

    def compared(self, parts: Iterable[tuple[Organization, Ledger]], sample: int | None) -> list[str]:
        """Read again what is there now, and return a sentence for each that is not as in the source."""
        wrong, count = [], 0
        for org, ledger in parts:
            expected = len(ledger) if sample is None else min(sample, len(ledger))
            with scope.within(org.pk), self.progress(expected, " read again") as bar:
                for sentence in differences(org, ledger, sample=sample):
                    count += 1
                    bar.update()
                    wrong += [sentence] if sentence else []
        self.stdout.write(f"{count} captures read again from the storage: {count - len(wrong)} as in the source.")
        return wrong

    def tell_due(self, org: Organization, ledger: Ledger) -> None:
        """Warn of what came in only to be deleted, while there is time to change the rules."""
        with scope.within(org.pk):
            ids, at = ledger.ids(), next_run_at(org, timezone.now())
            count = count_due(org, lambda pk: pk.bytes in ids, at=at) if ids else 0
        if count:
            self.stdout.write(f"{count} of these are past the retention of this organization and go tonight.")

    def tell_keys(self, devices: list[Device], path: Path | None) -> None:
        """Give each camera that has no key its first one, printed or written this once."""
        keyless = without_key(devices)
        if not keyless:
            return
        if path is None:
            self.stdout.write("Keys of the new cameras, shown this once (its own word or name, id, key):")
            hand_out(keyless, self.tell_at_once)
            return
        with contextlib.closing(KeyFile(path)) as file:
            hand_out(keyless, file.tell)
        self.stdout.write(f"The keys of {len(keyless)} new cameras are in {path}, which only you may read.")

    def tell_at_once(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def conclude(self, tally: Tally, wrong: list[str], *, dry_run: bool) -> None:
        """Print the sums. Raises :class:`CommandError` when they do not balance."""
        for line in tally.lines():
            self.stdout.write(line)
        wrong = [*tally.imbalances(), *wrong]
        for sentence in wrong[:MOST_SHOWN]:
            self.stderr.write(sentence)
        if wrong:
            raise CommandError(f"It does not balance: {len(wrong)} differences.")
        self.stdout.write("It would balance; nothing was written." if dry_run else "It balances.")


@contextlib.contextmanager
def _report(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    try:
        # Names that are no text are written as escapes.
        file = path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise CommandError(f"The report {path} cannot be written: {error.strerror}.") from error
    with file:
        yield file


def _refuse_other_storage(wanted: str | None) -> None:
    """Rows speak of pictures where this Visant looks for them, so nothing is imported to where it does not."""
    used = settings.VISANT_STORAGE
    if wanted and wanted != used:
        raise CommandError(
            f"This Visant keeps its pictures in “{used}”, and would not find them in “{wanted}”. "
            "Set VISANT_STORAGE first, or import here and move them later (move_storage)."
        )


def _refuse_no_new_file(path: Path | None, *, report: Path | None) -> None:
    """Said before anything is done. The file is made in the end: a run that is killed before can be run again."""
    if path is None:
        return
    if path.exists() or path.is_symlink():
        raise CommandError(f"{path} is there already; name a new file for the keys.")
    if report is not None and path.resolve() == report.resolve():
        raise CommandError(f"{path} is to be the report as well; name another file for the keys.")
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise CommandError(f"{path} cannot be made: there is no folder {path.parent} that we may write.")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more.")
    return int(text)


def _batch(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1000):
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 1000.")
    return int(text)
