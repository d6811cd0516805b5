"""Django's ``STORAGES`` of what the environment says of pictures: where they are kept, and how S3 is reached."""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

# The public endpoint of a bucket that nobody but us can reach.
OFF = "off"
FILES = "captures.storage.files.DurableFileSystemStorage"
BUCKET = "captures.storage.s3.BucketStorage"


class S3(NamedTuple):
    """How S3 is reached. ``endpoint`` is empty for AWS, the keys for whom AWS knows by where they run."""

    bucket: str
    endpoint: str
    public_endpoint: str
    region: str
    access_key: str
    secret_key: str
    addressing: str
    ca_file: str
    timeout: int


def picture_storages(chosen: str, *, fallback: str, var: Path, s3: S3) -> dict[str, Any]:
    """Return the storages ``default`` and ``quarantine``, and under their own names those that are configured."""
    made: dict[str, Any] = {
        "filesystem": {"BACKEND": FILES},
        "filesystem-quarantine": {"BACKEND": FILES, "OPTIONS": {"location": var / "quarantine"}},
    }
    if s3.bucket or "s3" in (chosen, fallback):
        _refuse_incomplete(s3)
        made["s3"] = {"BACKEND": BUCKET, "OPTIONS": _options(s3)}
        made["s3-quarantine"] = {"BACKEND": BUCKET, "OPTIONS": {**_options(s3), "location": "quarantine"}}
    default = made[chosen]
    if fallback:
        if fallback == chosen:
            raise ImproperlyConfigured("VISANT_STORAGE_FALLBACK must be another one than VISANT_STORAGE.")
        options = {"first": chosen, "then": fallback}
        default = {"BACKEND": "captures.storage.fallback.FallbackStorage", "OPTIONS": options}
    return {**made, "default": default, "quarantine": made[f"{chosen}-quarantine"]}


def origins(s3: S3) -> list[str]:
    """Where browsers fetch pictures from, for the Content-Security-Policy."""
    if s3.public_endpoint == OFF:
        return []
    endpoint = s3.public_endpoint or s3.endpoint
    hosts = [urlsplit(endpoint).netloc] if endpoint else _hosts_of_aws(s3.region)
    scheme = urlsplit(endpoint).scheme if endpoint else "https"
    by_name = [f"{s3.bucket}.{host}" for host in hosts] if s3.addressing != "path" else []
    by_path = hosts if s3.addressing != "virtual" and (endpoint or s3.addressing == "path") else []
    return [f"{scheme}://{host}" for host in (*by_name, *by_path)]


def _hosts_of_aws(region: str) -> list[str]:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return [f"s3.{region}.{suffix}", *(["s3.amazonaws.com"] if region == "us-east-1" else ())]


def _options(s3: S3) -> dict[str, Any]:
    return {
        "bucket_name": s3.bucket,
        "endpoint_url": s3.endpoint or None,
        "public_endpoint": s3.public_endpoint,
        "region_name": s3.region,
        "access_key": s3.access_key or None,
        "secret_key": s3.secret_key or None,
        "addressing_style": s3.addressing,
        "verify": s3.ca_file or None,
        "timeout": s3.timeout,
    }


def _refuse_incomplete(s3: S3) -> None:
    if not s3.bucket:
        raise ImproperlyConfigured("VISANT_STORAGE is s3, but VISANT_S3_BUCKET names no bucket.")
    if bool(s3.access_key) != bool(s3.secret_key):
        missing = "VISANT_S3_ACCESS_KEY_ID" if s3.secret_key else "VISANT_S3_SECRET_ACCESS_KEY"
        raise ImproperlyConfigured(f"{missing} is missing: S3 needs both, or neither where AWS knows the machine.")
    for name, url in (("ENDPOINT", s3.endpoint), ("PUBLIC_ENDPOINT", s3.public_endpoint)):
        if url and url != OFF and not _is_address(url):
            raise ImproperlyConfigured(f"VISANT_S3_{name} is {url!r}; it must be like https://s3.example.org.")
    if s3.ca_file and not Path(s3.ca_file).is_file():
        raise ImproperlyConfigured(f"VISANT_S3_CA_FILE: there is no file {s3.ca_file}.")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
