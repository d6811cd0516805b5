"""Pictures of an earlier Visant that lie in a bucket."""

import boto3
import pytest

from captures.moving.outcomes import Refused
from sharing.moving.media import open_media
from tests.s3 import KEYS, REGION, S3Server

BUCKET = "earlier-pictures"


def test_a_bucket_is_read_below_its_prefix_and_says_what_is_missing_or_away(monkeypatch):
    with S3Server() as s3:
        for name, value in {"ID": "VISANT", "SECRET": KEYS["VISANT"]}.items():
            monkeypatch.setenv({"ID": "AWS_ACCESS_KEY_ID", "SECRET": "AWS_SECRET_ACCESS_KEY"}[name], value)
        monkeypatch.setenv("AWS_REGION", REGION)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        client = boto3.client("s3", endpoint_url=s3.url, region_name=REGION)
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="old/a/b.jpeg", Body=b"picture")
        media = open_media(f"s3://{BUCKET}/old/", s3.url)
        assert media.read("a/b.jpeg", limit=100) == b"picture"
        for path, limit, reason in (("a/c.jpeg", 100, "missing"), ("a/b.jpeg", 3, "too_large")):
            with pytest.raises(Refused) as refusal:
                media.read(path, limit=limit)
            assert refusal.value.reason == reason
        with pytest.raises(Refused, match="The bucket none cannot be read"):
            open_media("s3://none", s3.url)
        s3.fail()
        with pytest.raises(OSError, match="cannot be read from the bucket"):
            media.read("a/b.jpeg", limit=100)
        media.close()
