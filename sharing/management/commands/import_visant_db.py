import contextlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from captures.moving.command import ImportCommand
from captures.moving.organizations import alone
from captures.moving.outcomes import Refused, Tally
from orgs import scope
from sharing.moving.database import Import
from sharing.moving.media import Media, open_media
from sharing.moving.people import People
from sharing.moving.source import TABLES, EarlierDatabase


class Command(ImportCommand):
    help = "Bring in the database of an earlier Visant: organizations, people, cameras, captures, share links."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", metavar="URL", help="postgresql://user:password@host/name or sqlite:///path")
        parser.add_argument(
            "--media", metavar="WHERE", help="where its pictures are: a folder, or s3://bucket/prefix"
        )
        parser.add_argument("--media-endpoint", default="", metavar="URL", help="of a bucket that is not at AWS")
        parser.add_argument("--owner", default="", metavar="EMAIL", help="owns organizations that have no people")
        parser.add_argument("--config", type=Path, metavar="DIR", help="with the folder normal_descriptions/")
        super().add_arguments(parser)

    def bring_in(self, tally: Tally, options: dict[str, Any]) -> None:
        with contextlib.closing(EarlierDatabase(options["url"])) as source:
            for table in TABLES:
                tally.expect(table, source.count(table))
            with _media(source, options) as media, alone("this Visant from a database"):
                self._bring_in(source, media, tally, options)

    def _bring_in(
        self, source: EarlierDatabase, media: Media | None, tally: Tally, options: dict[str, Any]
    ) -> None:
        dry_run = options["dry_run"]
        with self.progress(sum(tally.expected.values()), " rows") as bar:
            run = Import(
                source=source,
                media=media,
                texts=self.texts(options["config"], tally),
                tally=tally,
                people=People(owner=options["owner"], dry_run=dry_run),
                batch=options["batch"],
                judge=options["judge"],
                dry_run=dry_run,
                progress=bar.update,
            )
            run.run()
        if not dry_run:
            self._tell_keys(run, options["keys"])
        wrong = self.compared([(moved.org, moved.ledger) for moved in run.moved], options["sample"])
        self.conclude(tally, wrong, dry_run=dry_run)

    def _tell_keys(self, run: Import, path: Path | None) -> None:
        """Only cameras whose old key could not be kept get a new one."""
        with scope.across_organizations("an operator brings in several organizations"):
            self.tell_keys([device for moved in run.moved for device in moved.cameras.all()], path)


@contextlib.contextmanager
def _media(source: EarlierDatabase, options: dict[str, Any]) -> Any:
    if options["media"] is None:
        if source.has_pictures():
            raise CommandError("Say where its pictures are, with --media.")
        yield None
        return
    try:
        media = open_media(options["media"], options["media_endpoint"])
    except Refused as refusal:
        raise CommandError(str(refusal)) from refusal
    with contextlib.closing(media):
        yield media
