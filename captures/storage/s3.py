"""Pictures as objects of a bucket: AWS, MinIO, Railway, or any other endpoint that speaks S3."""

import base64
import errno
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, SSLError
from django.core.files.base import File
from django.utils.functional import cached_property
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from captures.storage.keys import (
    INCOMING_PREFIX,
    QUARANTINE_PREFIX,
    StorageDown,
    StoredFile,
    content_type_of,
)
from captures.storage.presigning import Presigner
from captures.storage.removing import Left, delete_each

# Two more attempts, each after a moment: what passes within a second is not worth a camera's attention.
ATTEMPTS = 3
CONNECT_SECONDS = 3
# A picture is read at once; larger ones wait on the disk.
IN_MEMORY = 32 * 1024 * 1024
# The bytes under a name never change; browsers may keep them, others may not.
CACHE_CONTROL = "private, max-age=86400, immutable"
NOT_THERE = {"404", "NoSuchKey", "NotFound"}
# S3 takes 5 GiB in one request; exports of organizations may be larger, and a large one need not begin anew.
MOST_AT_ONCE = 256 * 1024 * 1024
# So many S3 deletes in one request.
MOST_KEYS = 1000
# Bad Request, Method Not Allowed, Not Implemented: how those answer who delete one at a time only.
ONE_BY_ONE = {400, 405, 501}
ONES_AT_ONCE = 8
_making = threading.Lock()


class BucketStorage(S3Storage):
    """One bucket, or with ``location`` the objects below that prefix.

    What ``save`` returned for is in the bucket, as whole as it was sent: S3 compares it with the digest that is
    signed. A name that is taken is replaced. Safe for threads, which share one client.
    What is larger than ``most_at_once`` goes in parts.
    ``public_endpoint``: how browsers and cameras reach the bucket, if otherwise than we do; ``off``: not at all.
    """

    most_at_once = MOST_AT_ONCE

    def __init__(self, *, public_endpoint: str = "", timeout: int = 10, **settings: Any) -> None:
        self.is_open_to_browsers = public_endpoint != "off"
        self.public_endpoint = public_endpoint if self.is_open_to_browsers else ""
        settings.setdefault("file_overwrite", True)
        super().__init__(
            client_config=Config(
                signature_version="s3v4",
                s3={"addressing_style": settings.get("addressing_style"), "payload_signing_enabled": True},
                connect_timeout=min(timeout, CONNECT_SECONDS),
                read_timeout=timeout,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                max_pool_connections=64,
                # Other providers than AWS do not know the newer checksums; the signed digest all of them do.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            **settings,
        )

    @cached_property
    def client(self) -> Any:
        # A client is safe for threads, making one is not; django-storages makes one for each thread.
        with _making:
            return self._make_client(self.endpoint_url)

    @cached_property
    def presigner(self) -> Presigner:
        """Signs in this process; nothing is asked of S3."""
        with _making:
            session = self._create_session()
            client = self._make_client(self.public_endpoint or self.endpoint_url)
            return Presigner(client, session.get_credentials(), bucket=self.bucket_name)

    def full_name(self, name: str) -> str:
        """The name of the object in the bucket, which ``location`` is a part of."""
        return str(self._normalize_name(clean_name(name)))

    def exists(self, name: str) -> bool:
        try:
            self._head(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        return int(self._head(name)["ContentLength"])

    def get_modified_time(self, name: str) -> Any:
        return self._head(name)["LastModified"]

    def delete(self, name: str) -> None:
        with translated(name):
            self.client.delete_object(Bucket=self.bucket_name, Key=self.full_name(name))

    def delete_many(self, names: Sequence[str]) -> Left:
        """A thousand with each request. Once S3 is away it is not asked for the rest."""
        left: Left = {}
        for start in range(0, len(names), MOST_KEYS):
            try:
                left |= self._delete_at_once(names[start : start + MOST_KEYS])
            except StorageDown as error:
                return left | dict.fromkeys(names[start:], error)
        return left

    def _delete_at_once(self, names: Sequence[str]) -> Left:
        keys = {self.full_name(name): name for name in names}
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with translated(f"{len(names)} files"):
            try:
                answer = self.client.delete_objects(Bucket=self.bucket_name, Delete=wanted)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in ONE_BY_ONE:
                    raise
                return delete_each(self.delete, names, at_once=ONES_AT_ONCE)
        # Only what could not be deleted is in the answer, although that says 200.
        return {
            keys[error["Key"]]: StorageDown(errno.EIO, f"S3 refuses: {error['Code']}")
            for error in answer.get("Errors", ())
            if error["Code"] not in NOT_THERE
        }

    def list_files(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every file whose name begins with ``prefix``, by name; a request for each thousand.

        What is beside the pictures, in the quarantine or just coming in, is left out unless ``prefix`` is there.
        """
        location = f"{self.location.strip('/')}/" if self.location else ""
        others = () if location else (f"{QUARANTINE_PREFIX}/", f"{INCOMING_PREFIX}/")
        beside = tuple(other for other in others if not prefix.startswith(other))
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=location + prefix
        )
        with translated(prefix):
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(location)
                    if not key.startswith(beside):
                        yield StoredFile(key, entry["Size"], entry["LastModified"])

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with translated(name):
            folders, files = super().listdir(name)
        if not self.location and not name:
            folders = [folder for folder in folders if folder not in (QUARANTINE_PREFIX, INCOMING_PREFIX)]
        return folders, files

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("A file in S3 is opened for reading bytes; it is written by save().")
        file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller closes it
        with translated(name):
            answer = self.client.get_object(Bucket=self.bucket_name, Key=self.full_name(name))
            shutil.copyfileobj(answer["Body"], file)
        file.seek(0)
        return File(file, name=name)

    def _save(self, name: str, content: File) -> str:
        place = {"Bucket": self.bucket_name, "Key": self.full_name(name)}
        about = {"ContentType": content_type_of(name), "CacheControl": CACHE_CONTROL}
        if not content.seekable():
            with translated(name):
                self.client.put_object(**place, **about, Body=content.read())
            return name
        content.seek(0)
        with translated(name):
            if content.size > self.most_at_once:
                # A file is there once all of its parts are; what fails in between takes them back.
                parts = TransferConfig(multipart_threshold=1, use_threads=False)
                self.client.upload_fileobj(_Kept(content.file), **place, ExtraArgs=about, Config=parts)
            else:
                self.client.put_object(**place, **about, Body=content.file)
        return name

    def _head(self, name: str) -> dict[str, Any]:
        with translated(name):
            answer: dict[str, Any] = self.client.head_object(Bucket=self.bucket_name, Key=self.full_name(name))
            return answer

    def _make_client(self, endpoint: str | None) -> Any:
        client = self._create_session().client(
            "s3",
            region_name=self.region_name,
            endpoint_url=endpoint,
            config=self.client_config,
            verify=self.verify,
        )
        client.meta.events.register("before-call.s3.DeleteObjects", _sum_with_md5)
        return client

    @property
    def connection(self) -> Any:
        """What django-storages asks for where we do not: the ``client`` that threads share."""
        return _Connection(self.client)


def _sum_with_md5(params: dict[str, Any], **_: Any) -> None:
    """The one request that S3 wants a checksum of: MD5 is known to all providers, the library's CRC32 is not."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
    params["context"].get("checksum", {}).pop("request_algorithm", None)


class _Kept:
    """A file that the library does not close: whoever opened it does."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


class _Connection:
    def __init__(self, client: Any) -> None:
        self.meta = self
        self.client = client


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Whatever the client of S3 raises, as the OSError that it means to those who keep files."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in NOT_THERE:
            raise FileNotFoundError(errno.ENOENT, "There is no such file in S3", name) from error
        raise StorageDown(errno.EIO, f"S3 refuses: {code or status}") from error
    except (BotoCoreError, SSLError) as error:
        raise StorageDown(errno.EIO, f"S3 cannot be reached: {type(error).__name__}") from error
