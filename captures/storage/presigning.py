"""URLs and forms that let whoever holds them read or write one object, for a while. Made without asking S3."""

import base64
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError


class PresignedPost(NamedTuple):
    """Where a form is sent, and its fields; the file is the last of them, as ``file``."""

    url: str
    fields: Mapping[str, str]


class Presigner:
    """``client``: of botocore, made for the endpoint at which the URLs are to be used."""

    def __init__(self, client: Any, credentials: Credentials | None, *, bucket: str) -> None:
        self._client, self._credentials, self._bucket = client, credentials, bucket

    def url(self, key: str, *, signed_at: datetime, seconds: int) -> str:
        """Return the URL that reads ``key`` for ``seconds`` from ``signed_at``: the same for the same moment.

        So browsers may keep what they have fetched. botocore itself signs by the clock only.
        """
        if self._credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method="GET", url=self._base + quote(key, safe="/-_.~"))
        frozen = self._credentials.get_frozen_credentials()
        _SignedAt(frozen, self._client.meta.region_name, signed_at, seconds).add_auth(request)
        return str(request.url)

    def post(self, key: str, *, size: int, content_type: str, sha256: str, seconds: int) -> PresignedPost:
        """Return the form that writes ``key``: just so many bytes, of this type and with this digest (hex)."""
        digest = base64.b64encode(bytes.fromhex(sha256)).decode()
        fields = {
            "Content-Type": content_type,
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": digest,
        }
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", size, size])
        made = self._client.generate_presigned_post(
            self._bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=seconds
        )
        return PresignedPost(made["url"], made["fields"])

    @cached_property
    def _base(self) -> str:
        """The address of the bucket, with a slash: however it is addressed, botocore knows."""
        parameters = {"Bucket": self._bucket, "Key": "x"}
        parts = urlsplit(self._client.generate_presigned_url("get_object", Params=parameters))
        return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('x')}"


class _SignedAt(S3SigV4QueryAuth):
    def __init__(self, credentials: Any, region: str, moment: datetime, seconds: int) -> None:
        super().__init__(credentials, "s3", region, expires=seconds)
        self._moment = moment

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._moment.strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))
