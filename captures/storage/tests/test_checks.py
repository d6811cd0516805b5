"""What is wrong with the bucket is said in a sentence, with what mends it; what may pass is only a warning."""

import datetime as dt
import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from captures.storage.checks import bucket_trouble, storage_trouble
from tests.s3 import BASE_DIR, KEYS, S3Server, keep_in

pytestmark = pytest.mark.once


def said() -> list[tuple[str, str]]:
    return [(message.id, f"{message.msg} {message.hint}") for message in run_checks(tags=["storage"])]


def test_nothing_is_wrong_with_a_good_bucket(s3):
    assert (said(), storage_trouble()) == ([], [])
    assert s3.names() == set()


def test_nothing_is_asked_where_there_is_no_bucket():
    assert (said(), storage_trouble()) == ([], [])


def test_a_folder_that_cannot_be_written_is_said(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "blocked"
    settings.MEDIA_ROOT.write_text("")
    [trouble] = storage_trouble()
    assert trouble.what == f"Nothing can be written to {settings.MEDIA_ROOT}: File exists."


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_missing_bucket_is_made(s3, settings, tmp_path, region):
    keep_in(s3, settings, var=tmp_path, bucket=f"new-{region}", region=region)
    assert said() == []
    assert default_storage.save("a.jpeg", ContentFile(b"x")) == "a.jpeg"
    assert said() == []


WRONG = {
    "key": ({"access_key": "NOBODY"}, "S3 does not know the access key. Set VISANT_S3_ACCESS_KEY_ID"),
    "secret": ({"secret_key": "wrong"}, "The secret does not belong to the access key of S3."),
    "may not make": (
        {"bucket": "another-one", "access_key": "LIMITED", "secret_key": KEYS["LIMITED"]},
        "There is no bucket another-one, and the account may not make it. Make it, or let",
    ),
    "name": ({"bucket": "not a bucket"}, "not a bucket cannot be the name of a bucket."),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_stops_the_start_with_a_sentence(s3, settings, tmp_path, case):
    changes, sentence = WRONG[case]
    keep_in(s3, settings, var=tmp_path, **changes)
    [(code, text)] = said()
    assert code == "captures.E002"
    assert text.startswith(sentence)
    [trouble] = storage_trouble()
    assert not trouble.passes


@pytest.mark.parametrize("started", [["manage.py", "db_worker"], ["-c", "import visant.wsgi"]])
def test_a_process_that_cannot_keep_pictures_does_not_start(s3, tmp_path, started):
    environment = {**os.environ, **s3.environment, "VISANT_S3_SECRET_ACCESS_KEY": "wrong"}
    environment["VISANT_VAR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, *started], cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "The secret does not belong to the access key of S3." in done.stderr
    assert "Traceback" not in done.stderr


def test_an_account_that_may_not_make_buckets_may_use_one(s3, settings, tmp_path):
    keep_in(s3, settings, var=tmp_path, access_key="LIMITED", secret_key=KEYS["LIMITED"])
    assert (said(), storage_trouble()) == ([], [])


def test_an_outage_is_a_warning_for_it_passes(s3):
    s3.stop()
    [(code, text)] = said()
    s3.start()
    assert code == "captures.W002"
    assert text.startswith(f"S3 cannot be reached ({s3.url}): EndpointConnectionError.")


# --- a certificate of one's own authority


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for the loopback, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(*form, no_password))
    return paths


def test_a_private_authority_is_believed_when_its_file_is_given(settings, tmp_path, certificate):
    with S3Server(certificate=certificate) as s3:
        keep_in(s3, settings, var=tmp_path, timeout=5)
        [trouble] = bucket_trouble("s3")
        assert trouble.what == "The certificate of the S3 server is not trusted."
        assert "VISANT_S3_CA_FILE" in trouble.fix
        keep_in(s3, settings, var=tmp_path, timeout=5, ca_file=str(certificate[0]))
        assert bucket_trouble("s3") == []
        assert default_storage.save("a.jpeg", ContentFile(b"x")) == "a.jpeg"
