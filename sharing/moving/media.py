"""Where the pictures of an earlier Visant are: a folder, or a bucket."""

import os
from pathlib import Path
from typing import Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from captures.moving.folder import SourceFolder
from captures.moving.outcomes import Refused

GONE = {"404", "NoSuchKey", "NotFound"}


class Media(Protocol):
    """``read`` raises :class:`Refused` for what is not there (``missing``) or cannot be read, and OSError when the
    whole place is away."""

    def read(self, path: str, *, limit: int) -> bytes: ...

    def close(self) -> None: ...


def open_media(where: str, endpoint: str) -> Media:
    """``s3://bucket/prefix``, with the account of the AWS variables, or a folder. Raises :class:`Refused`."""
    if where.startswith("s3://"):
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        return Bucket(bucket, prefix, endpoint)
    try:
        return SourceFolder(Path(where))
    except OSError as error:
        raise Refused("no_media", f"The folder {where} cannot be read: {error.strerror}.") from error


class Bucket:
    def __init__(self, bucket: str, prefix: str, endpoint: str) -> None:
        path_style = {"addressing_style": "path"} if endpoint else {}
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            config=Config(s3=path_style, connect_timeout=10, read_timeout=30),
        )
        self._bucket, self._prefix = bucket, prefix.strip("/")
        try:
            self._client.head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            raise Refused("no_media", f"The bucket {bucket} cannot be read: {error}.") from error

    def read(self, path: str, *, limit: int) -> bytes:
        key = f"{self._prefix}/{path}" if self._prefix else path
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with answer["Body"] as body:
                data = bytes(body.read(limit + 1))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in GONE:
                raise Refused("missing", "It is not there.") from error
            raise OSError(f"{key} cannot be read from the bucket: {error}") from error
        except BotoCoreError as error:
            raise OSError(f"The bucket does not answer: {error}") from error
        if len(data) > limit:
            raise Refused("too_large", f"It is larger than {limit // (1024 * 1024)} MB.")
        return data

    def close(self) -> None:
        self._client.close()
