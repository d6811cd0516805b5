import contextlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.text import slugify

from captures.moving.archive import KIND, count_files, import_tree
from captures.moving.cameras import Cameras
from captures.moving.checking import Ledger
from captures.moving.command import ImportCommand
from captures.moving.definitions import Definitions, read_texts
from captures.moving.folder import SourceFolder
from captures.moving.outcomes import Tally
from captures.moving.writing import Writer
from orgs import scope
from orgs.errors import DomainError
from orgs.limits import starting_limits
from orgs.models import Organization
from orgs.services.organizations import create_organization


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
            texts = _texts(options["config"], tally)
            org = _organization(options["org"], options["owner"], dry_run=options["dry_run"])
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
        tally.expect(KIND, count_files(folder))
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
        self.conclude(tally, wrong, dry_run=dry_run)


def _opened(path: Path) -> SourceFolder:
    try:
        return SourceFolder(path)
    except OSError as error:
        raise CommandError(f"The folder {path} cannot be read: {error.strerror}.") from error


def _texts(config: Path | None, tally: Tally) -> dict[str, str]:
    if config is None:
        return {}
    try:
        return read_texts(config, tally)
    except OSError as error:
        raise CommandError(f"The folder {config} cannot be read: {error.strerror}.") from error


def _organization(slug: str, owner: str | None, *, dry_run: bool) -> Organization:
    """The one of that slug; founded, or with ``dry_run`` made up, if there is none and an owner is named."""
    org = Organization.objects.filter(slug=slug).first()
    if org is not None:
        return org
    if not owner:
        raise CommandError(f"There is no organization {slug!r}. Name its --owner, and it is founded.")
    if slugify(slug)[:50] != slug:
        raise CommandError(f"{slug!r} is no slug: small letters, digits and hyphens, at most 50.")
    if dry_run:
        return Organization(name=slug, slug=slug, **starting_limits(timezone.now()))
    try:
        return create_organization(name=slug, owner_email=owner)
    except DomainError as error:
        raise CommandError(str(error)) from error
