"""The drill: an installation on SQLite and local files is backed up, killed in the middle, restored to what the
run is on, and compared row by row and byte by byte."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from tests.s3 import S3Server
from tests.server import BASE_DIR, START_SECONDS, Server
from visant.backup.folder import StoredBackup, find_backup
from visant.backup.tables import line, models_in_order

FILL = """
from orgs import scope
scope.enter_all("a test fills an installation")
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from captures.models import Capture
from captures.storage import thumbnail_key
from tests.builders import make_capture, make_jpeg
from visant.tests.test_admin import fill
for _ in range(2):
    capture = fill()["capture"]
    make_capture(capture.device, metadata={"ümlaut": [1.5, None, "\\U0001f4f7"], "z": {"b": 1, "a": 2}})
    key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(make_jpeg(1)))
    Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
"""
# In the restored one: the audit refuses, and what comes next has a free id.
USE = """
from orgs import scope
scope.enter_all("a test uses an installation")
from django.contrib.auth.models import Group
from django.db import DatabaseError, transaction
from devices.services.devices import add_device
from orgs.models import AuditEntry
from orgs.services.organizations import create_organization
Group.objects.create(name="Clerks")
add_device(org=create_organization(name="Later", owner_email="later@example.org"), name="Gate", acting_user=None)
try:
    with transaction.atomic():
        AuditEntry.unscoped.all().delete()
    print("deleted")
except DatabaseError as error:
    print("append-only" in str(error))
"""


@contextmanager
def installation(folder: Path, **options) -> Iterator[Server]:
    """An installation with a database that has nothing in it, not even tables."""
    server = Server(folder, **options)
    folder.mkdir()
    server.database.create()
    try:
        yield server
    finally:
        server.database.drop()


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Iterator[Server]:
    """The old machine: SQLite and files, with a row in every table."""
    with installation(tmp_path_factory.mktemp("old") / "var", sqlite=True) as server:
        server.manage("migrate", "--verbosity=0")
        server.manage("shell", "--no-imports", "-v0", "-c", FILL)
        yield server


@pytest.fixture(scope="module")
def backups(old, tmp_path_factory) -> Path:
    """A folder with a backup of it, made after one was killed in the middle."""
    root = tmp_path_factory.mktemp("backups")
    blocked = sorted(old.media.rglob("*.jpeg"))[-1]
    with fifo_instead_of(blocked), killed(old, "backup", str(root)):
        wait_for(lambda: list(root.glob("pictures/??/*")))
    [begun] = [path for path in root.iterdir() if (path / "tables").is_dir()]
    assert not (begun / "COMPLETE").exists()
    assert "There is no complete backup" in refused(old, "restore", str(root))
    # Of what was copied by then nothing is copied again; what thumbnails have is known once they are read.
    pictures = {sha256 for (sha256,) in old.rows("SELECT sha256 FROM captures_capture")}
    copied = {path: path.stat().st_ino for path in root.glob("pictures/??/*") if path.name in pictures}
    old.manage("backup", str(root))
    assert not begun.exists()
    assert {path: path.stat().st_ino for path in copied} == copied
    return root


@contextmanager
def fifo_instead_of(path: Path) -> Iterator[None]:
    """Whoever opens the file waits for ever."""
    aside = path.with_suffix(".aside")
    path.rename(aside)
    os.mkfifo(path)
    try:
        yield
    finally:
        aside.replace(path)


@contextmanager
def killed(server: Server, *arguments: str) -> Iterator[None]:
    """One of the commands at work while the block lasts, which then has no chance to finish anything."""
    command = [sys.executable, "manage.py", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=BASE_DIR, env=server.environment, **quiet) as process:
        try:
            yield
        finally:
            process.kill()
            assert process.wait(timeout=START_SECONDS) == -signal.SIGKILL


def wait_for(claim: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refused(server: Server, *arguments: str) -> str:
    with pytest.raises(AssertionError) as refusal:
        server.manage(*arguments)
    return str(refusal.value)


def sums(backup: StoredBackup) -> dict[str, str]:
    """The checksum of each table's text: equal ones have equal rows, ids and moments and all."""
    return {table["model"]: table["sha256"] for table in backup.manifest["tables"]}


def count(server: Server, table: str) -> int:
    with suppress(Exception):  # no such table yet, said in two ways
        return server.rows(f"SELECT count(*) FROM {table}")[0][0]
    return 0


def has_pictures(s3: S3Server, number: int) -> bool:
    with suppress(s3.client().exceptions.NoSuchBucket):
        return len(s3.names()) == number
    return False


def test_outgrowing_one_machine_is_a_restore(old, backups, tmp_path):
    backup = find_backup(backups)
    files = {entry.key: entry.sha256 for entry in backup.entries()}
    assert len(files) == 6
    with S3Server() as s3, installation(tmp_path / "new", **s3.environment) as new:
        blocked = backup.content(sorted(backup.entries())[-1])
        # All that can be put back: of what a killed process had begun to send, none comes later then.
        others = sum(backup.content(entry) != blocked for entry in backup.entries())
        with fifo_instead_of(blocked), killed(new, "restore", str(backups)):
            wait_for(partial(has_pictures, s3, others))
        assert count(new, "orgs_organization") == 0
        bucket = s3.client()
        bucket.put_object(Bucket=s3.bucket, Key="another/installations.jpeg", Body=b"kept")
        assert "as another/installations.jpeg. Restore into" in refused(new, "restore", str(backups))
        bucket.delete_object(Bucket=s3.bucket, Key="another/installations.jpeg")
        before = s3.names()
        printed = new.manage("restore", str(backups))
        assert f"{len(files)} files are back ({len(before)} files were there already)" in printed
        stored = {key: bucket.get_object(Bucket=s3.bucket, Key=key)["Body"].read() for key in before | set(files)}
        assert {key: hashlib.sha256(data).hexdigest() for key, data in stored.items()} == files
        assert "The database has rows" in refused(new, "restore", str(backups))

        new.manage("backup", str(tmp_path / "again"))
        again = find_backup(tmp_path / "again")
        assert sums(again) == sums(backup)
        # Not by way of the backup: as the databases themselves say.
        for query in ("SELECT email, password FROM orgs_user", "SELECT prefix, digest FROM devices_devicekey"):
            assert sorted(new.rows(query)) == sorted(old.rows(query))
        assert "True" in new.manage("shell", "--no-imports", "-v0", "-c", USE)


@contextmanager
def fed_once(path: Path) -> Iterator[Callable[[], bool]]:
    """Whoever reads the file gets it the first time, and waits for ever the second.

    Yield what says that somebody waits; it is to be asked when the first reader is done.
    """
    data = path.read_bytes()
    with fifo_instead_of(path):
        feeder = threading.Thread(target=path.write_bytes, args=[data], daemon=True)
        feeder.start()
        held: list[int] = []

        def is_waited_for() -> bool:
            with suppress(OSError):  # nobody has it open
                held.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return bool(held)

        try:
            yield is_waited_for
        finally:
            for descriptor in held:
                os.close(descriptor)


def test_killed_while_it_loads_rows_it_has_loaded_none_and_is_run_again(old, backups, tmp_path):
    backup = find_backup(backups)
    [captures] = [table["file"] for table in backup.manifest["tables"] if table["model"] == "captures.capture"]
    with installation(tmp_path / "new") as new:
        # Every table is read when the backup is looked at, then the pictures are put back; rows are loaded last.
        with fed_once(backup.folder / captures) as is_waited_for, killed(new, "restore", str(backups)):
            wait_for(lambda: len(list(new.media.rglob("*.jpeg"))) == 6 and is_waited_for())
        assert (count(new, "orgs_organization"), count(new, "orgs_user")) == (0, 0)
        assert new.rows("SELECT backup, has_rows FROM visant_unfinished_restore") == [(backup.identity, 0)]
        whole = set(new.media.rglob("*.jpeg"))
        one = min(whole)
        one.rename(one.with_name(f".{one.name}.0123abcd.part"))  # had it been killed a little earlier
        rows = sum(table["rows"] for table in backup.manifest["tables"])
        printed = new.manage("restore", str(backups))
        assert f"{rows} rows and 6 files are back (5 files were there already)" in printed
        assert {path for path in new.media.rglob("*") if path.is_file()} == whole
        assert count(new, "captures_housekeepingrun WHERE job = 'sweep held'") == 0
        new.manage("backup", str(tmp_path / "again"))
        assert sums(find_backup(tmp_path / "again")) == sums(backup)
        wrong = "VISANT_KEY_PEPPERS 1 is not the secret that keys here were digested with"
        assert wrong in refused(new, "doctor")
        new.environment["VISANT_KEY_PEPPERS_FILE"] = str(old.folder / "key_peppers")
        assert wrong not in refused(new, "doctor")


# Content types and permissions of what came later are made anew.
TYPES = {"contenttypes.contenttype", "auth.permission"}
FIRST_GONE = "captures", "0004_capture_not_judged"


def as_an_older_visant_wrote_it(backup: StoredBackup, root: Path) -> StoredBackup:
    """Copy it to ``root``, without the tables and columns that came with that migration and what builds on it."""
    shutil.copytree(backup.folder.parent, root)
    older = StoredBackup(root / backup.name, json.loads((root / backup.name / "manifest.json").read_text()))
    manifest, loader = older.manifest, MigrationLoader(None)
    gone = set(loader.graph.backwards_plan(FIRST_GONE))
    for app, names in manifest["migrations"].items():
        manifest["migrations"][app] = [name for name in names if (app, name) not in gone]
    kept = [(app, name) for app, names in manifest["migrations"].items() for name in names]
    models = {model._meta.label_lower: model for model in models_in_order(loader.project_state(kept).apps)}
    manifest["tables"] = [table for table in manifest["tables"] if table["model"] in models]
    for table in manifest["tables"]:
        known = {field.attname for field in models[table["model"]]._meta.concrete_fields}
        header, *rows = older.table(table["file"])
        places = [place for place, (name, _) in enumerate(header["columns"]) if name in known]
        header["columns"] = [header["columns"][place] for place in places]
        text = line(header) + b"".join(line([row[place] for place in places]) for row in rows)
        with gzip.open(older.folder / table["file"], "wb") as file:
            file.write(text)
        table["sha256"] = hashlib.sha256(text).hexdigest()
    signed = json.dumps(manifest).encode()
    (older.folder / "manifest.json").write_bytes(signed)
    (older.folder / "COMPLETE").write_text(hashlib.sha256(signed).hexdigest())
    return older


def test_an_older_backup_is_loaded_as_it_was_and_migrated_on_whenever_it_is_killed(old, backups, tmp_path):
    older = as_an_older_visant_wrote_it(find_backup(backups), tmp_path / "older")
    with installation(tmp_path / "new") as new:
        new.media.mkdir()
        (new.media / "newer.jpeg").touch()
        again = ["restore", str(older.folder), "--into-used-storage"]
        with killed(new, *again):
            wait_for(lambda: count(new, "orgs_organization"))
        assert f"rows of the backup {older.identity}, whose restore was cut short" in refused(
            new, "restore", str(backups), "--into-used-storage"
        )
        printed = new.manage(*again)
        # Of what comes after the rows nothing was left out.
        held = new.rows("SELECT finished_at FROM captures_housekeepingrun WHERE job = 'sweep held'")
        assert held == [(None,)]
        assert "The database has rows" in refused(new, *again)
        assert f"{sum(table['rows'] for table in older.manifest['tables'])} rows and 6 files are back" in printed
        query = "SELECT record_id, sha256, not_judged FROM captures_capture"
        assert sorted(new.rows(query)) == sorted(old.rows(query))
        assert count(new, "captures_calendarday") == 0
        new.manage("backup", str(tmp_path / "again"))
        again, before = sums(find_backup(tmp_path / "again")), sums(find_backup(backups))
        taken = {table["model"] for table in older.manifest["tables"]}
        # All but what it did not have, and the types of what came since, whose ids are given anew.
        assert {model for model in taken if again[model] != before[model]} <= TYPES
        assert "captures.capture" in taken
        assert "captures.calendarday" in set(before) - taken
