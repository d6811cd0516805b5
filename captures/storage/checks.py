"""What is wrong with the place where pictures are kept, and how it is mended: at the start, and for ``doctor``."""

import secrets
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError, SSLError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from captures.storage.keys import READINESS_PREFIX


class Trouble(NamedTuple):
    """``passes``: it may end by itself, as an outage does; a start need not be refused for it."""

    what: str
    fix: str
    passes: bool = False


def storage_trouble() -> list[Trouble]:
    """Return what keeps pictures from being kept; nothing, where they can be.

    Every storage that is configured is looked at: S3 is asked, a missing bucket is made, a small file is written.
    """
    return [trouble for alias in _used() for trouble in (bucket_trouble(alias) or _write_trouble(alias))]


def bucket_trouble(alias: str) -> list[Trouble]:
    """What is wrong with the bucket of this storage, if it is one. A missing one is made, if the account may."""
    storage: Any = storages[alias]
    if not hasattr(storage, "bucket_name"):
        return []
    try:
        _see_or_make(storage)
    except ClientError as error:
        return [_explain(str(error.response.get("Error", {}).get("Code", "")), storage)]
    except ParamValidationError:
        return [_explain("InvalidBucketName", storage)]
    except NoCredentialsError:
        return [_explain("NoCredentials", storage)]
    except SSLError:
        return [
            Trouble(
                "The certificate of the S3 server is not trusted.",
                "Set VISANT_S3_CA_FILE to a file with the certificate of its authority.",
            )
        ]
    except BotoCoreError as error:
        address = storage.endpoint_url or f"AWS, {storage.region_name}"
        what = f"S3 cannot be reached ({address}): {type(error).__name__}."
        return [Trouble(what, "Look whether it runs, and whether VISANT_S3_ENDPOINT is right.", passes=True)]
    return []


def _used() -> list[str]:
    return [name for name in (settings.VISANT_STORAGE, settings.VISANT_STORAGE_FALLBACK) if name]


def _see_or_make(storage: Any) -> None:
    try:
        # Unlike a HEAD its answer says what is wrong.
        storage.client.list_objects_v2(Bucket=storage.bucket_name, MaxKeys=1)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "NoSuchBucket":
            raise
        _make(storage)


def _make(storage: Any) -> None:
    options = {"Bucket": storage.bucket_name}
    # The oldest region is the one that must not be named.
    if storage.region_name != "us-east-1":
        options["CreateBucketConfiguration"] = {"LocationConstraint": storage.region_name}
    try:
        storage.client.create_bucket(**options)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "BucketAlreadyOwnedByYou":
            return  # another process was first
        if code in ("AccessDenied", "AllAccessDisabled"):
            error.response["Error"]["Code"] = "MayNotMake"
        raise


def _explain(code: str, storage: Any) -> Trouble:
    bucket = storage.bucket_name
    known = {
        "NoCredentials": (
            "There is no key for S3.",
            "Set VISANT_S3_ACCESS_KEY_ID and VISANT_S3_SECRET_ACCESS_KEY, or run where AWS gives a role.",
        ),
        "InvalidAccessKeyId": (
            "S3 does not know the access key.",
            "Set VISANT_S3_ACCESS_KEY_ID to a key of the account; it may have been deleted.",
        ),
        "SignatureDoesNotMatch": (
            "The secret does not belong to the access key of S3.",
            "Set VISANT_S3_SECRET_ACCESS_KEY to the secret that was made with VISANT_S3_ACCESS_KEY_ID.",
        ),
        "AccessDenied": (
            f"The account may not use the bucket {bucket}.",
            "Let it s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject there; or set VISANT_S3_BUCKET.",
        ),
        "MayNotMake": (
            f"There is no bucket {bucket}, and the account may not make it.",
            "Make it, or let the account s3:CreateBucket; or set VISANT_S3_BUCKET to one that is there.",
        ),
        "BucketAlreadyExists": (
            f"The bucket {bucket} belongs to somebody else.",
            "Set VISANT_S3_BUCKET to a name of your own.",
        ),
        "InvalidBucketName": (
            f"{bucket} cannot be the name of a bucket.",
            "Set VISANT_S3_BUCKET to 3 to 63 small letters, digits and hyphens.",
        ),
        "RequestTimeTooSkewed": (
            "The clock of this machine and that of S3 are more than 15 minutes apart.",
            "Set the clock; let it be kept by NTP.",
        ),
    }
    if code in known:
        return Trouble(*known[code])
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
        return Trouble(
            f"The bucket {bucket} is not in the region {storage.region_name}.",
            "Set VISANT_S3_REGION to the region of the bucket.",
        )
    return Trouble(f"S3 refuses: {code}.", "The same may succeed later; else ask who runs it.", passes=True)


def _write_trouble(alias: str) -> list[Trouble]:
    storage = storages[alias]
    try:
        storage.delete(storage.save(f"{READINESS_PREFIX}/{secrets.token_hex(8)}", ContentFile(b"ready?")))
    except OSError as error:
        where = f"the bucket {storage.bucket_name}" if hasattr(storage, "bucket_name") else str(storage.path(""))
        what = f"Nothing can be written to {where}: {error.strerror}."
        return [Trouble(what, "Look at its rights and at the room that is left.")]
    return []
