"""What another Visant exported, into an organization here. Nothing in the file is believed that can be looked at.

Each camera comes with all that belongs to it or not at all, and captures a batch at a time, bytes before rows: so
a run that is killed is run again, and takes nothing twice.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from captures.evaluation.models import Definition, Evaluation, Label
from captures.leaving.archive import ArchiveReader
from captures.leaving.arrivals import (
    Arrival,
    evaluations_of,
    label_of,
    moment_of,
    refuse_bad_evaluations,
    row_of,
)
from captures.leaving.cameras import ExportedCameras
from captures.leaving.files import read_files
from captures.leaving.policies import bring_in_policy
from captures.leaving.shape import LONGEST, Told
from captures.leaving.telling import RULE
from captures.models import Capture
from captures.moving.checking import Ledger
from captures.moving.deleted import Deleted
from captures.moving.outcomes import Fate, Outcome, Refused, Tally
from captures.moving.places import ByPicture, ByRecord, by_picture
from captures.moving.recovering import recover
from devices.models import Device
from devices.services.schedules import add_schedule
from orgs.errors import DomainError
from orgs.ids import uuid7
from orgs.metering import count_imported
from orgs.models import Organization
from orgs.storable import refuse_unstorable

CAMERAS, DEFINITIONS, SCHEDULES, CAPTURES = "cameras", "definitions", "schedules", "captures"
POLICIES = "retention policies"
WRITERS = 8


@dataclass
class OrganizationImport:
    """One export into one organization. With ``dry_run`` it only says what would come of it."""

    org: Organization
    reader: ArchiveReader
    told: Told
    tally: Tally
    dry_run: bool
    ledger: Ledger = field(default_factory=Ledger)
    cameras: ExportedCameras = field(init=False)
    _definitions: dict[tuple[str, int], Definition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cameras = ExportedCameras(self.org, self.told.cameras, dry_run=self.dry_run)

    def bring_in_retention(self) -> None:
        """What holds for cameras without a rule of their own. Before the pictures, lest a night comes first."""
        if told := self.told.organization.get("retention"):
            self.tally.expect(POLICIES)
            self.tally.add(POLICIES, self.org.name, self._policy(told, None))

    def bring_in_cameras(self) -> None:
        for told in self.told.cameras:
            self.tally.expect(CAMERAS)
            self.tally.expect(DEFINITIONS, len(told["definitions"]))
            self.tally.expect(SCHEDULES, len(told["schedules"]))
            if told.get("retention"):
                self.tally.expect(POLICIES)
            known = len(self.cameras.made)
            try:
                with transaction.atomic():
                    device = self.cameras.of(told["id"])
                    is_new = len(self.cameras.made) > known
                    fates = self._bring_in_camera(device, told, is_new=is_new)
            except Refused as refusal:
                fates = [(kind, Fate.of(refusal)) for kind in _all_of(told)]
            for kind, fate in fates:
                self.tally.add(kind, told["name"], fate)

    def bring_in_captures(self, *, batch: int) -> Iterator[int]:
        """Yield how many were looked at, after each batch."""
        lines = self.reader.lines("captures.jsonl")
        self.tally.expect(CAPTURES, self.told.captures)
        while told := list(islice(lines, batch)):
            arrivals = [self._arrival(one) for one in told]
            for one, fate in zip(told, self._write(arrivals), strict=True):
                name = str(one.get("record_id")) if isinstance(one, dict) else "a line that is no capture"
                self.tally.add(CAPTURES, name, fate)
                if fate.capture:
                    self.ledger.add(UUID(fate.capture), one["sha256"], b"")
            yield len(told)

    # --- cameras

    def _bring_in_camera(self, device: Device, told: dict[str, Any], *, is_new: bool) -> list[tuple[str, Fate]]:
        fates = [(CAMERAS, Fate(Outcome.IMPORTED if is_new else Outcome.ALREADY_THERE))]
        fates += [(DEFINITIONS, self._definition(device, told["id"], one)) for one in told["definitions"]]
        fates += [(SCHEDULES, self._schedule(device, one, is_new=is_new)) for one in told["schedules"]]
        if told.get("retention"):
            fates.append((POLICIES, self._policy(told["retention"], device)))
        if is_new and not self.dry_run:
            for name in ("created_at", "suspended_at", "retired_at"):
                setattr(device, name, moment_of(told[name]))
            device.time_zone, device.configuration = told["time_zone"], told["configuration"]
            device.full_clean(exclude=["org", "name"])
            device.save(update_fields=["created_at", "suspended_at", "retired_at", "time_zone", "configuration"])
        return fates

    def _policy(self, told: dict[str, Any], device: Device | None) -> Fate:
        return bring_in_policy(told, org=self.org, device=device, tally=self.tally, dry_run=self.dry_run)

    def _definition(self, device: Device, camera: str, told: dict[str, Any]) -> Fate:
        if self.dry_run and device._state.adding:
            return Fate(Outcome.IMPORTED)
        row = device.definitions.filter(version=told["version"]).first()
        if row is not None:
            if (row.text, row.regions, row.ignore_regions) != tuple(
                told[name] for name in ("text", "regions", "ignore_regions")
            ):
                return Fate(Outcome.REFUSED, "version_taken", "Another definition has this version.")
            self._definitions[camera, row.version] = row
            return Fate(Outcome.ALREADY_THERE)
        row = Definition(
            org=self.org,
            device=device,
            **{name: told[name] for name in ("version", "text", "regions", "ignore_regions")},
            references_from=moment_of(told["references_from"]),
            created_at=moment_of(told["created_at"]),
            active=told["active"] and not device.definitions.filter(active=True).exists(),
        )
        if not self.dry_run:
            row.save(force_insert=True)
        self._definitions[camera, row.version] = row
        return Fate(Outcome.IMPORTED)

    def _schedule(self, device: Device, told: dict[str, Any], *, is_new: bool) -> Fate:
        """Only the rule in force goes on; what held before is in the export to read."""
        if not is_new:
            return Fate(Outcome.ALREADY_THERE)  # with its camera, or people have made others since
        if told["removed_at"] or not told["rules"]:
            return Fate(
                Outcome.REFUSED, "removed", "The schedule was removed; its rules are in the export to read."
            )
        rule = {name: told["rules"][-1][name] for name in RULE if name != "time_zone"}
        rule["cron"] = rule["cron"] or None
        if self.dry_run:
            return Fate(Outcome.IMPORTED)
        try:
            with transaction.atomic():
                add_schedule(device=device, label=told["label"], enabled=told["enabled"], acting_user=None, **rule)
        except DomainError as refusal:
            return Fate(Outcome.REFUSED, refusal.code, str(refusal))
        return Fate(Outcome.IMPORTED)

    # --- captures

    def _arrival(self, told: dict[str, Any]) -> Arrival:
        """Read and look at one; what is wrong with it stands in it."""
        arrival = Arrival(told)
        try:
            refuse_unstorable(told, limit=LONGEST)
            device = self.cameras.of(told["camera"])
            definition = self._definitions.get((told["camera"], told["definition"]))
            refuse_bad_evaluations(told)
            read_files(self.reader, arrival)
            arrival.row = row_of(arrival, org=self.org, device=device, pk=uuid7(), definition=definition)
            arrival.label = label_of(arrival)
            arrival.evaluations = list(evaluations_of(arrival, self._definitions))
        except Refused as refusal:
            arrival.refuse(Fate.of(refusal))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            sentence = f"The capture is not understood: {error!r}."
            arrival.refuse(Fate(Outcome.REFUSED, "not_understood", sentence))
        return arrival

    def _write(self, arrivals: Sequence[Arrival]) -> list[Fate]:
        self._find_known(arrivals)
        new = [arrival for arrival in arrivals if arrival.fate is None]
        with ThreadPoolExecutor(WRITERS) as threads:
            recover(arrivals, threads=threads, tally=self.tally, dry_run=self.dry_run)
            if self.dry_run:
                return [arrival.fate or Fate(Outcome.IMPORTED) for arrival in arrivals]
            list(threads.map(_save_bytes, new))
        with transaction.atomic():
            lost = self._insert(new)
        self._give_up(lost)
        return [arrival.fate or Fate(Outcome.IMPORTED, capture=str(arrival.pk)) for arrival in arrivals]

    def _find_known(self, arrivals: Sequence[Arrival]) -> None:
        """Give those their fate that are there already, or whose place another one has."""
        rows = [arrival.row for arrival in arrivals if arrival.row]
        if self.dry_run and any(row.device._state.adding for row in rows):
            return
        like = self._org_captures().filter(record_id__in=[row.record_id for row in rows])
        alike = self._org_captures().filter(captured_at__in=[row.captured_at for row in rows])
        records = {_by_record(row): row for row in like}
        moments = {_by_picture(row): row for row in alike}
        deleted = Deleted(self.org, list(map(_by_record, rows)), list(map(_by_picture, rows)))
        for arrival in arrivals:
            if arrival.row is None:
                continue
            row = arrival.row
            by_record, place = _by_record(row), _by_picture(row)
            known = records.get(by_record)
            if known and known.sha256 == row.sha256:
                arrival.there = None if known._state.adding else known
                arrival.fate = Fate(Outcome.ALREADY_THERE, capture=str(known.pk))
            elif known or (place and place in moments):
                arrival.fate = Fate(
                    Outcome.REFUSED, "in_the_way", "Another capture has its record id or its place."
                )
            elif gone := deleted.fate_of(by_record, place):
                arrival.fate = gone
            else:
                records[by_record] = row
                moments[place] = row

    def _org_captures(self) -> Any:
        fields = ("device_id", "record_id", "captured_at", "sha256", "storage_key", "thumbnail_key")
        return self.org.captures.only(*fields)

    def _insert(self, new: Sequence[Arrival]) -> list[Arrival]:
        """Make the rows, and return those that were not made: a camera, or another import, was quicker."""
        rows = [arrival.made for arrival in new]
        Capture.unscoped.bulk_create(rows, ignore_conflicts=True)
        there = set(self.org.captures.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
        lost = [arrival for arrival in new if arrival.pk not in there]
        new = [arrival for arrival in new if arrival.pk in there]
        Label.unscoped.bulk_create(arrival.label for arrival in new if arrival.label)
        Evaluation.unscoped.bulk_create(row for arrival in new for row in arrival.evaluations)
        size = sum(arrival.made.byte_size for arrival in new)
        count_imported(org_id=self.org.pk, pictures=len(new), size=size)
        return lost

    def _give_up(self, lost: Sequence[Arrival]) -> None:
        """Say what is there instead of these, and leave no files of them."""
        self._find_known(lost)
        for arrival in lost:
            arrival.fate = arrival.fate or Fate(
                Outcome.REFUSED, "in_the_way", "Another capture came in between; import again."
            )
            for key in filter(None, (arrival.made.storage_key, arrival.made.thumbnail_key)):
                default_storage.delete(key)


def _all_of(told: dict[str, Any]) -> Iterator[str]:
    yield CAMERAS
    yield from [DEFINITIONS] * len(told["definitions"])
    yield from [SCHEDULES] * len(told["schedules"])
    yield from [POLICIES] * bool(told.get("retention"))


def _by_record(row: Capture) -> ByRecord:
    return row.device_id, row.record_id


def _by_picture(row: Capture) -> ByPicture | None:
    return by_picture(row.device_id, row.captured_at, row.sha256)


def _save_bytes(arrival: Arrival) -> None:
    row = arrival.made
    if arrival.picture:
        default_storage.save(row.storage_key, ContentFile(arrival.picture.data))
    if arrival.thumbnail:
        default_storage.save(row.thumbnail_key, ContentFile(arrival.thumbnail))
