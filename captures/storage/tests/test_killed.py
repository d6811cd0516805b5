"""A move of all pictures that is killed is run again: nothing goes before it was read from its new place."""

import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from captures.models import Capture
from captures.storage import thumbnail_key
from captures.storage.moving import THREADS
from tests.builders import make_capture, make_device, make_jpeg, stored_files
from tests.commands import finish, kill_when, start_command
from tests.s3 import S3Server

pytestmark = pytest.mark.django_db(transaction=True)
CAPTURES = 12
FILES = 2 * CAPTURES
# Long enough for whoever waits to be killed meanwhile; and for others to see how files go, one after the other.
FOR_EVER, A_MOMENT = 60, 0.5


@pytest.fixture
def digests() -> dict[str, str]:
    """Pictures with their thumbnails, in local files: the SHA-256 of each."""
    device, _ = make_device()
    for seed in range(CAPTURES):
        capture = make_capture(device, seed=seed)
        key = thumbnail_key(capture.storage_key)
        storages["filesystem"].save(key, ContentFile(make_jpeg(100 + seed)))
        Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=key)
    return local_digests()


@pytest.fixture
def s3(digests, s3) -> S3Server:
    """Empty, when there are pictures in local files."""
    return s3


def local_digests() -> dict[str, str]:
    files = storages["filesystem"]
    whole = {name for name in stored_files(files) if not Path(name).name.startswith(".")}
    return {name: hashlib.sha256(Path(files.path(name)).read_bytes()).hexdigest() for name in whole}


def remote_digests(s3: S3Server) -> dict[str, str]:
    found, client = {}, s3.client()
    for name in s3.names():
        # What a killed run asked for is done all the same: a file may still go.
        with suppress(client.exceptions.NoSuchKey):
            data = client.get_object(Bucket=s3.bucket, Key=name)["Body"].read()
            found[name] = hashlib.sha256(data).hexdigest()
    return found


def is_in(s3: S3Server, name: str) -> bool:
    try:
        s3.client().head_object(Bucket=s3.bucket, Key=name)
    except ClientError:
        return False
    return True


def move(to: str, s3: S3Server) -> subprocess.Popen[str]:
    """Begin to move to S3, or back: new pictures go there, and both are read meanwhile."""
    other = {"s3": "filesystem", "filesystem": "s3"}[to]
    both = {**s3.environment, "VISANT_STORAGE": to, "VISANT_STORAGE_FALLBACK": other}
    return start_command("move_storage", "--to", to, "--delete-source", **both)


def assert_whole_in_one(digests: dict[str, str], *, source: dict[str, str], target: dict[str, str]) -> None:
    """What the source has is as it was; what it has no more is so in the target."""
    assert source == {name: digests[name] for name in source}
    assert {name: target.get(name) for name in digests if name not in source} == {
        name: digest for name, digest in digests.items() if name not in source
    }


def test_killed_before_it_could_read_again_it_has_deleted_nothing(digests, s3):
    s3.slow(FOR_EVER, "GET", after=2)  # the looks at the start whether there is a bucket
    kill_when(lambda: sum(is_in(s3, name) for name in digests) >= THREADS, move("s3", s3))
    assert local_digests() == digests
    s3.mend()
    s3.slow(A_MOMENT, "GET")
    kill_when(lambda: len(stored_files(storages["filesystem"])) < FILES, move("s3", s3))
    s3.mend()
    assert_whole_in_one(digests, source=local_digests(), target=remote_digests(s3))
    assert 0 < len(local_digests()) < FILES
    # A file that the killed run deleted is no more in the source, and is there already.
    assert f"Verified: {FILES}. Deleted in the source: {FILES}." in finish(move("s3", s3))
    assert (local_digests(), remote_digests(s3)) == ({}, digests)


def test_killed_on_the_way_back_it_goes_on(digests, s3):
    finish(move("s3", s3))
    s3.slow(A_MOMENT, "DELETE")
    kill_when(lambda: len(s3.names()) < FILES, move("filesystem", s3))
    s3.mend()
    assert_whole_in_one(digests, source=remote_digests(s3), target=local_digests())
    assert 0 < len(s3.names()) < FILES
    assert f"Verified: {FILES}. Deleted in the source: {FILES}." in finish(move("filesystem", s3))
    assert (local_digests(), s3.names()) == (digests, set())
