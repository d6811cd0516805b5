"""A real server that keeps its pictures in S3, and a real client that puts them there, through an outage."""

import hashlib
import os

import pytest

from tests.client import Client, wait_until
from tests.s3 import S3Server
from tests.server import Server


@pytest.mark.skipif(
    os.environ.get("VISANT_TEST_DATABASE") == "postgresql",
    reason="The database has no part in it; once is enough.",
)
def test_pictures_go_into_the_bucket_and_none_is_lost_or_doubled_by_an_outage(tmp_path):
    with S3Server() as s3, Server(tmp_path / "var", workers=1, VISANT_S3_TIMEOUT="1", **s3.environment) as server:
        server.start()  # it makes the bucket
        [camera] = server.found()
        with Client(tmp_path / "camera", server.url, camera) as client:

            def stored() -> dict[str, tuple[str, str]]:
                rows = server.rows("SELECT record_id, storage_key, sha256 FROM captures_capture")
                return {record_id: (key, sha256) for record_id, key, sha256 in rows}

            def begun() -> int:
                [(count,)] = server.rows("SELECT count(*) FROM captures_pendingupload")
                return int(count)

            client.start()
            wait_until(lambda: begun() >= 3 and len(stored()) >= 3, seconds=40, otherwise=client.said)
            s3.stop()
            # First it tries the plain way, which leads to the same bucket.
            wait_until(
                lambda: "for 10 min" in client.said() and "503" in client.said(), seconds=40, otherwise=client.said
            )
            client.kill()
            s3.start()
            client.start()
            before = len(stored())
            wait_until(lambda: len(stored()) > before + 2, seconds=40, otherwise=client.said)
            client.finish()
            rows = stored()
            assert client.taken() <= set(rows)
            bucket = s3.client()
            for key, sha256 in rows.values():
                data = bucket.get_object(Bucket=s3.bucket, Key=key)["Body"].read()
                assert hashlib.sha256(data).hexdigest() == sha256
            assert len({key for key, _ in rows.values()}) == len(rows)
