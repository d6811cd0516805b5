import contextlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from captures.moving.archive import KIND, count_files, import_tree
from captures.moving.cameras import Cameras
from captures.moving.checking import Ledger
from captures.moving.command import ImportCommand
from captures.moving.definitions import Definitions
from captures.moving.folder import SourceFolder
from captures.moving.organizations import alone, organization_of
from captures.moving.outcomes import Tally
from captures.moving.writing import Writer
from orgs import scope
from orgs.models import Organization

SHAPE = "An archive has folders of years, months and days; name the one above the years."


class Command(ImportCommand):
    help = "Bring in the archive of a single-tenant Visant (YYYY/MM/DD/<record id>.json and pictures)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="the folder of the archive")
        parser.add_argument("--org", required=True, metavar="SLUG", help="whose pictures these will be")
        parser.add_argument("--owner", metavar="EMAIL", help="founds the organization if there is none")
        parser.add_argument("--config", type=Path, metavar="DIR", help="its configuration (normal_descriptions/)")
        super().add_arguments(parser)

    def bring_in(self, tally: Tally, options: dict[str, Any]) -> None:
        with contextlib.closing(_opened(options["path"])) as folder:
            texts, slug = self.texts(options["config"], tally), options["org"]
            files, in_days = count_files(folder)
            if not in_days:
                raise CommandError(f"No file in {options['path']} lies in the folder of a day. {SHAPE}")
            tally.expect(KIND, files)
            with alone(slug):
                org = organization_of(slug, owner=options["owner"], dry_run=options["dry_run"], name=slug)
                with scope.within(org.pk):
                    self._bring_in(org, folder, texts, tally, options)

    def _bring_in(
        self, org: Organization, folder: SourceFolder, texts: dict[str, str], tally: Tally, options: dict[str, Any]
    ) -> None:
        dry_run, ledger = options["dry_run"], Ledger()
        cameras, definitions = Cameras(org, dry_run=dry_run), Definitions(texts, dry_run=dry_run)
        writer = Writer(
            org=org,
            definitions=definitions,
            tally=tally,
            ledger=ledger,
            judge=options["judge"],
            dry_run=dry_run,
        )
        with contextlib.closing(writer), self.progress(tally.expected[KIND], " files") as bar:
            import_tree(
                folder,
                cameras=cameras,
                writer=writer,
                tally=tally,
                batch=options["batch"],
                progress=bar.update,
            )
        self.stdout.write(f"{org.name}: {len(cameras.all())} cameras, {len(cameras.made)} of them new.")
        if not dry_run:
            definitions.activate()
            self.tell_keys(cameras.all(), options["keys"])
        wrong = self.compared([(org, ledger)], options["sample"])
        self.tell_due(org, ledger)
        if not len(ledger):
            self.stderr.write(f"No capture was found in {options['path']}.")
        self.conclude(tally, wrong, dry_run=dry_run)


def _opened(path: Path) -> SourceFolder:
    try:
        return SourceFolder(path)
    except OSError as error:
        raise CommandError(f"The folder {path} cannot be read: {error.strerror}.") from error
