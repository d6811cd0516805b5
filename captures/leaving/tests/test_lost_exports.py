"""Finished exports whose file is gone: found, and told to their owners."""

import io
from datetime import timedelta

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from captures.integrity.checking import check_integrity
from captures.leaving.models import Export
from captures.leaving.services import OVER
from orgs.models import AuditEntry
from tests.builders import logged_in, make_org, owner_of

pytestmark = pytest.mark.django_db


def test_an_export_whose_file_is_gone_says_so_once_the_archive_was_looked_over():
    export = finished_export(make_org())
    assert check_integrity(budget=0).exports_lost == 0
    default_storage.delete(export.storage_key)
    with pytest.raises(CommandError, match="Exports whose file is gone: 1; their owners can ask for others"):
        call_command("check_integrity", stdout=io.StringIO())
    export.refresh_from_db()
    assert (export.state, export.error) == (
        "failed",
        "Its file is not in the storage any more. Ask for another one.",
    )
    assert check_integrity(budget=0).exports_lost == 0
    page = logged_in(owner_of(export.org)).get(reverse("leaving")).content.decode()
    assert "<p>Its file is not in the storage any more. Ask for another one.</p>" in page


def test_an_export_whose_file_is_gone_is_told_before_that_too_and_in_words():
    export = finished_export(make_org())
    default_storage.delete(export.storage_key)
    said_to_be_gone(export)


def test_a_bucket_is_asked_before_a_browser_is_sent_there(s3):
    export = finished_export(make_org())
    owner = logged_in(owner_of(export.org))
    sent = owner.get(reverse("download-export", args=[export.pk]))
    assert requests.get(sent["Location"], timeout=5).content == b"zip"
    s3.stop()
    assert owner.get(reverse("download-export", args=[export.pk])).status_code == 503
    s3.start()
    default_storage.delete(export.storage_key)
    said_to_be_gone(export)


def said_to_be_gone(export: Export) -> None:
    """To its owner, and nobody is said to have fetched it."""
    fetched = AuditEntry.unscoped.filter(org=export.org, action="organization.export_fetched")
    before = fetched.count()
    answer = logged_in(owner_of(export.org)).get(reverse("download-export", args=[export.pk]))
    assert (answer.status_code, OVER in answer.content.decode()) == (404, True)
    assert fetched.count() == before


def finished_export(org) -> Export:
    key = default_storage.save(f"{org.pk}/exports/a.zip", ContentFile(b"zip"))
    days = {"finished_at": timezone.now(), "expires_at": timezone.now() + timedelta(days=1)}
    return Export.unscoped.create(org=org, storage_key=key, byte_size=3, **days)
