"""How what the environment says of S3 becomes Django's storages, and what browsers may fetch from where."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from visant.storages import S3, origins, picture_storages

GIVEN = S3(
    bucket="pictures",
    endpoint="",
    public_endpoint="",
    region="us-east-1",
    access_key="key",
    secret_key="secret",
    addressing="auto",
    ca_file="",
    timeout=10,
)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ["https://pictures.s3.us-east-1.amazonaws.com", "https://pictures.s3.amazonaws.com"]),
        ({"region": "eu-central-1"}, ["https://pictures.s3.eu-central-1.amazonaws.com"]),
        ({"region": "eu-central-1", "addressing": "path"}, ["https://s3.eu-central-1.amazonaws.com"]),
        ({"endpoint": "http://127.0.0.1:9000", "addressing": "path"}, ["http://127.0.0.1:9000"]),
        (
            {"endpoint": "https://s3.example.org"},
            ["https://pictures.s3.example.org", "https://s3.example.org"],
        ),
        ({"endpoint": "https://s3.example.org", "addressing": "virtual"}, ["https://pictures.s3.example.org"]),
        (
            {
                "endpoint": "http://minio:9000",
                "public_endpoint": "https://files.example.org",
                "addressing": "path",
            },
            ["https://files.example.org"],
        ),
        ({"endpoint": "http://minio:9000", "public_endpoint": "off"}, []),
    ],
)
def test_browsers_may_fetch_pictures_from_the_bucket_and_nowhere_else(changes, wanted):
    assert origins(GIVEN._replace(**changes)) == wanted


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bucket": ""}, "VISANT_S3_BUCKET names no bucket"),
        ({"access_key": ""}, "VISANT_S3_ACCESS_KEY_ID is missing"),
        ({"secret_key": ""}, "VISANT_S3_SECRET_ACCESS_KEY is missing"),
        ({"endpoint": "s3.example.org"}, "VISANT_S3_ENDPOINT is 's3.example.org'; it must be like https://"),
        ({"endpoint": "https://s3.example.org/bucket"}, "VISANT_S3_ENDPOINT is"),
        ({"public_endpoint": "ftp://s3"}, "VISANT_S3_PUBLIC_ENDPOINT is 'ftp://s3'"),
        ({"ca_file": "/nowhere.pem"}, "VISANT_S3_CA_FILE: there is no file /nowhere.pem"),
    ],
)
def test_what_is_incomplete_is_refused_with_a_sentence(changes, sentence):
    with pytest.raises(ImproperlyConfigured, match=sentence):
        picture_storages("s3", fallback="", var=Path("var"), s3=GIVEN._replace(**changes))


def test_without_keys_aws_tells_who_we_are():
    made = picture_storages("s3", fallback="", var=Path("var"), s3=GIVEN._replace(access_key="", secret_key=""))
    assert made["default"]["OPTIONS"]["access_key"] is None


def test_both_storages_are_there_while_pictures_are_moved():
    made = picture_storages("filesystem", fallback="", var=Path("var"), s3=GIVEN)
    assert set(made) == {
        "default",
        "quarantine",
        "filesystem",
        "filesystem-quarantine",
        "s3",
        "s3-quarantine",
    }
    assert made["default"] == made["filesystem"]
    moving = picture_storages("s3", fallback="filesystem", var=Path("var"), s3=GIVEN)
    assert moving["default"]["OPTIONS"] == {"first": "s3", "then": "filesystem"}
    assert moving["quarantine"] == made["s3-quarantine"]


def test_files_alone_need_no_bucket():
    empty = GIVEN._replace(bucket="", access_key="", secret_key="")
    made = picture_storages("filesystem", fallback="", var=Path("var"), s3=empty)
    assert set(made) == {"default", "quarantine", "filesystem", "filesystem-quarantine"}
