"""An S3 of the tests' own, on a free port of the loopback, that is as strict about signatures as S3 is."""

import atexit
import json
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import requests
from botocore.config import Config

from visant.storages import S3, picture_storages

BASE_DIR = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
KEYS = {"VISANT": "a-secret-of-the-tests", "LIMITED": "another-secret-of-the-tests"}


class S3Server:
    """``with S3Server() as s3``; ``s3.environment`` says to Visant how it is reached.

    ``stop`` and ``start`` may be called in turn: nobody listens in between, the address and what is stored stay.
    ``fail``, ``slow`` and ``lose`` make it a bad one until ``mend``. The account ``LIMITED`` may not make buckets.
    ``certificate``: paths of a certificate and its key, to be reached by https.
    """

    def __init__(self, bucket: str = "visant-tests", *, certificate: tuple[Path, Path] | None = None) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = int(probe.getsockname()[1])
        self.bucket = bucket
        self.url = f"{'https' if certificate else 'http'}://{HOST}:{self.port}"
        self._command = [sys.executable, "-m", "tests.s3_process", str(self.port), json.dumps(KEYS)]
        self._command += map(str, certificate or ())
        self._process: subprocess.Popen[str] | None = None
        self._clients: dict[str, Any] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a Visant that keeps its pictures here."""
        return {
            "VISANT_STORAGE": "s3",
            "VISANT_S3_BUCKET": self.bucket,
            "VISANT_S3_ENDPOINT": self.url,
            "VISANT_S3_REGION": REGION,
            "VISANT_S3_ACCESS_KEY_ID": "VISANT",
            "VISANT_S3_SECRET_ACCESS_KEY": KEYS["VISANT"],
            "VISANT_S3_ADDRESSING": "path",
        }

    def __enter__(self) -> "S3Server":
        self._process = subprocess.Popen(
            self._command, cwd=BASE_DIR, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._await_answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        self._tell("stop")

    def start(self) -> None:
        self._tell("start")

    def fail(self, *methods: str, after: int = 0) -> None:
        """Answer 503 SlowDown."""
        self._tell("fail", methods, after=after)

    def lack(self, *methods: str) -> None:
        """Answer 501 NotImplemented."""
        self._tell("lack", methods)

    def protect(self, *names: str) -> None:
        """Let nobody delete these; without names everything may be deleted again."""
        if not names:
            self.client().delete_bucket_policy(Bucket=self.bucket)
            return
        resources = [f"arn:aws:s3:::{self.bucket}/{name}" for name in names]
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client().put_bucket_policy(Bucket=self.bucket, Policy=policy)

    def slow(self, seconds: float, *methods: str, after: int = 0) -> None:
        self._tell("slow", methods, seconds=seconds, after=after)

    def lose(self, *methods: str, after: int = 0) -> None:
        """Do what is asked, and hang up instead of answering."""
        self._tell("lose", methods, after=after)

    def accept(self, keys: dict[str, str]) -> None:
        """Let in who signs with those secrets, by access key, and nobody else; until ``reset``."""
        self._tell("accept", keys=keys)

    def mend(self) -> None:
        self._tell("none")

    def reset(self) -> None:
        """Forget all buckets, and make ours anew."""
        self.mend()
        self.accept(KEYS)
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()
        self.client().create_bucket(Bucket=self.bucket)

    def client(self, account: str = "VISANT") -> Any:
        """A client of the tests' own, to look what is there; made once, for that takes a moment."""
        if account not in self._clients:
            self._clients[account] = self._make_client(account)
        return self._clients[account]

    def _make_client(self, account: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=account,
            aws_secret_access_key=KEYS[account],
            config=Config(
                signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}
            ),
        )

    def names(self, prefix: str = "") -> set[str]:
        """The name of every object, those in the quarantine included."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {entry["Key"] for page in pages for entry in page.get("Contents", ())}

    def _tell(self, kind: str, methods: tuple[str, ...] = (), **more: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        told = {"kind": kind, "methods": methods, "seconds": 0, "after": 0, **more}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        self._await_answer()

    def _await_answer(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "{}\n", "The S3 of the tests has ended."


def keep_in(s3: S3Server, settings: Any, *, var: Path, fallback: str = "", **changes: Any) -> None:
    """Let the settings of a test say what ``s3.environment`` says to a process; ``changes`` of :class:`S3`."""
    given = {
        "bucket": s3.bucket,
        "endpoint": s3.url,
        "public_endpoint": "",
        "region": REGION,
        "access_key": "VISANT",
        "secret_key": KEYS["VISANT"],
        "addressing": "path",
        "ca_file": "",
        "timeout": 10,  # as in production: a busy machine may take longer than a second for a large file
        **changes,
    }
    made = picture_storages("s3", fallback=fallback, var=var, s3=S3(**given))
    settings.STORAGES = {**settings.STORAGES, **made}
    settings.VISANT_STORAGE, settings.VISANT_STORAGE_FALLBACK = "s3", fallback
    settings.DIRECT_UPLOAD = True


@cache
def shared_s3() -> S3Server:
    """The one that all tests of this process share, started with the first; ``reset`` it before use."""
    server = S3Server()
    server.__enter__()
    atexit.register(server.__exit__, None, None, None)
    return server
