"""The database of an earlier Visant is brought in, one organization after the other."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import transaction

from captures.inspection import picture_limit
from captures.models import Capture
from captures.moving.batches import batches, slices
from captures.moving.cameras import Cameras
from captures.moving.checking import Ledger
from captures.moving.definitions import Definitions
from captures.moving.outcomes import Fate, Outcome, Refused, Tally
from captures.moving.pictures import checked_picture, checked_thumbnail
from captures.moving.records import checked_device, refuse_what_no_database_takes
from captures.moving.rows import Arrival
from captures.moving.writing import Writer
from devices.models import Device
from devices.services.keys import KeyNotAdoptable, KeyOfAnotherCamera, keep_key
from devices.services.lifecycle import suspend_device
from orgs import scope
from orgs.errors import DomainError
from orgs.models import Organization, User
from orgs.services.users import find_user
from sharing.moving.media import Media
from sharing.moving.people import People
from sharing.moving.rows import FoundCapture, link_fields, record_of
from sharing.moving.source import TABLES, EarlierDatabase, Row, text
from sharing.services.imports import import_link

# A camera that was out of service there does not come into service by moving.
OUT_OF_SERVICE = {"disabled", "suspended", "inactive", "blocked", "revoked", "retired", "deleted"}
READERS = 8


@dataclass(eq=False)
class Moved:
    """An organization that was brought in, with its cameras and what is to be read again in the end."""

    org: Organization
    cameras: Cameras
    definitions: Definitions
    writer: Writer
    ledger: Ledger
    users: dict[str, User | None] = field(default_factory=dict)


@dataclass(eq=False)
class Import:
    """One run. ``progress`` is told of rows that are done."""

    source: EarlierDatabase
    media: Media | None
    texts: Mapping[str, str]
    tally: Tally
    people: People
    batch: int
    judge: bool
    dry_run: bool
    progress: Callable[[int], object]
    moved: list[Moved] = field(default_factory=list)

    def run(self) -> None:
        """Take over every row of the tables, or say why not."""
        with ThreadPoolExecutor(READERS) as threads:
            for row in self.source.rows("organizations"):
                self._organization(row, threads)
        orphan = Refused("no_organization", "Its organization is not there.")
        for table in list(TABLES)[1:]:
            for row in self.source.orphans(table):
                self._account(table, row, Fate.of(orphan))

    def _organization(self, row: Row, threads: ThreadPoolExecutor) -> None:
        try:
            users = list(self.source.rows("users", org_id=row["id"]))
            refuse_what_no_database_takes({name: text(value) for name, value in row.items()})
            org, fate = self.people.organization(row, users)
        except Refused as refusal:
            self._account("organizations", row, Fate.of(refusal))
            self._refuse_all_of(row)
            return
        self._account("organizations", row, fate)
        moved = self._begin(org)
        with scope.within(org.pk):
            for user in users:
                self._each("users", user, lambda user: self._user(moved, user))
            for device in self.source.rows("devices", org_id=row["id"]):
                self._each("devices", device, lambda device: self._device(moved, device))
            self._captures(moved, self.source.rows("captures", org_id=row["id"]), threads)
            if not self.dry_run:
                moved.definitions.activate()
            for link in self.source.rows("share_links", org_id=row["id"]):
                self._each("share_links", link, lambda link: self._link(moved, link))
        moved.writer.close()

    def _begin(self, org: Organization) -> Moved:
        ledger, definitions = Ledger(), Definitions(self.texts, dry_run=self.dry_run)
        writer = Writer(
            org=org,
            definitions=definitions,
            tally=self.tally,
            ledger=ledger,
            judge=self.judge,
            dry_run=self.dry_run,
        )
        moved = Moved(org, Cameras(org, dry_run=self.dry_run), definitions, writer, ledger)
        self.moved.append(moved)
        return moved

    def _refuse_all_of(self, row: Row) -> None:
        refused = Fate.of(Refused("organization_refused", "Its organization was refused."))
        for table in list(TABLES)[1:]:
            for inner in self.source.rows(table, org_id=row["id"]):
                self._account(table, inner, refused)

    def _each(self, table: str, row: Row, move: Callable[[Row], Fate]) -> None:
        try:
            refuse_what_no_database_takes({name: text(value) for name, value in row.items()})
            fate = move(row)
        except Refused as refusal:
            fate = Fate.of(refusal)
        except DomainError as refusal:
            fate = Fate.of(Refused(refusal.code, str(refusal)))
        self._account(table, row, fate)

    def _account(self, table: str, row: Row, fate: Fate) -> None:
        key = text(row[TABLES[table][0]])
        # A token opens its link, so a report tells only how it begins.
        self.tally.add(table, f"{key[:6]}…" if table == "share_links" else key, fate)
        self.progress(1)

    # --- people and cameras

    def _user(self, moved: Moved, row: Row) -> Fate:
        fate = self.people.member(moved.org, row)
        moved.users[text(row["id"])] = find_user(email=text(row["email"]))
        return fate

    def _device(self, moved: Moved, row: Row) -> Fate:
        external_id = checked_device(row["device_id"])
        if moved.cameras.known(external_id):
            moved.cameras.of(external_id)
            return Fate(Outcome.ALREADY_THERE)
        # Together, so that no camera is left without its key by a run that is killed in between.
        with transaction.atomic():
            device = moved.cameras.of(external_id, name=text(row["friendly_name"]).strip())
            if not self.dry_run:
                self._take_over(device, row)
        return Fate(Outcome.IMPORTED)

    def _take_over(self, device: Device, row: Row) -> None:
        self._keep_key(device, text(row["api_key"]))
        if text(row["status"]).strip().lower() in OUT_OF_SERVICE:
            suspend_device(device=device, acting_user=None)
            self.tally.note("camera that was out of service there is suspended here")

    def _keep_key(self, device: Device, key: str) -> None:
        try:
            keep_key(device=device, text=key, acting_user=None)
        except (KeyNotAdoptable, KeyOfAnotherCamera) as refusal:
            self.tally.note(f"camera whose old key does not open any more, and gets a new one: {refusal}")

    # --- captures

    def _captures(self, moved: Moved, rows: Iterator[Row], threads: ThreadPoolExecutor) -> None:
        loaded = self._loaded(rows, threads)
        for part in batches(loaded, most=self.batch, size=lambda found: found.size):
            arrivals: list[tuple[FoundCapture, Arrival]] = []
            for found in part:
                try:
                    arrivals.append((found, self._arrival(moved, found)))
                except Refused as refusal:
                    self._account("captures", {"record_id": found.name}, Fate.of(refusal))
            fates = moved.writer.write([arrival for _, arrival in arrivals])
            for (found, _), fate in zip(arrivals, fates, strict=True):
                self._account("captures", {"record_id": found.name}, fate)

    def _arrival(self, moved: Moved, found: FoundCapture) -> Arrival:
        if found.refusal is not None or found.record is None:
            raise found.refusal or Refused("bad_record", "The row cannot be read.")
        for note in found.notes:
            self.tally.note(note)
        device = moved.cameras.of(found.record.device)
        return Arrival(found.record, device, found.picture, found.thumbnail)

    def _loaded(self, rows: Iterator[Row], threads: ThreadPoolExecutor) -> Iterator[FoundCapture]:
        for few in slices(rows, READERS * 2):
            yield from threads.map(self._load, few)

    def _load(self, row: Row) -> FoundCapture:
        found = FoundCapture(text(row["record_id"]))
        try:
            record = found.record = record_of(row)
            if record.image and (data := self._bytes(record.image)) is not None:
                found.picture = checked_picture(data)
        except Refused as refusal:
            found.refusal = refusal
            return found
        try:
            if record.thumbnail and (data := self._bytes(record.thumbnail)) is not None:
                found.thumbnail = checked_thumbnail(data)
        except Refused as refusal:
            found.notes.append(f"thumbnail that is left out: {refusal}")
        return found

    def _bytes(self, key: str) -> bytes | None:
        """None for what is not there any more: it was pruned, or not copied."""
        if self.media is None:
            return None
        try:
            return self.media.read(key, limit=picture_limit())
        except Refused as refusal:
            if refusal.reason == "missing":
                return None
            raise

    # --- links

    def _link(self, moved: Moved, row: Row) -> Fate:
        fields = link_fields(row)
        device = moved.cameras.known(text(row["device_id"]))
        if device is None:
            raise Refused("no_camera", "Its camera is not there.")
        capture = self._capture_of(moved, device, text(row["capture_id"])) if fields["kind"] == "capture" else None
        if self.dry_run:
            there = moved.org.share_links.filter(token=fields["token"]).exists()
            return Fate(Outcome.ALREADY_THERE if there else Outcome.IMPORTED)
        created_by = moved.users.get(text(row["created_by"]))
        link = import_link(device=device, capture=capture, created_by=created_by, **fields)
        return Fate(Outcome.IMPORTED if link else Outcome.ALREADY_THERE)

    def _capture_of(self, moved: Moved, device: Device, record_id: str) -> Capture | None:
        """The picture a link shows. A trial has no row of it yet."""
        capture: Capture | None = moved.org.captures.filter(device=device, record_id=record_id).first()
        if capture is None and not (self.dry_run and moved.writer.would_write(device, record_id)):
            raise Refused("no_capture", "Its picture is not there.")
        return capture
