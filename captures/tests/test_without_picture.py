"""A capture of which only what was found on it was kept: it says so everywhere, and is no picture anywhere."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from captures.evaluation.services import claim_next, retry_failed, retry_over_limit
from captures.evaluation.teaching import InvalidLabel, label_capture
from captures.models import Capture, EvaluationStatus
from captures.storage import picture_key, thumbnail_key
from captures.upkeep import SWEEP_AFTER, sweep_files
from tests.builders import logged_in, make_capture, make_device, make_jpeg, make_operator, owner_of

pytestmark = pytest.mark.django_db


def without_picture(device=None, *, minutes=0, thumbnail=False, **fields):
    capture = make_capture(device, minutes=minutes, verdict="normal", reason="As always.")
    default_storage.delete(capture.storage_key)
    bare = {"storage_key": "", "sha256": "", "byte_size": 0, "width": 0, "height": 0, "content_type": ""}
    if thumbnail:
        key = picture_key(
            org_id=capture.org_id,
            device_id=capture.device_id,
            pk=capture.pk,
            at=capture.captured_at,
            extension="jpeg",
        )
        bare["thumbnail_key"] = default_storage.save(thumbnail_key(key), ContentFile(make_jpeg()))
    Capture.unscoped.filter(pk=capture.pk).update(**bare, **fields)
    capture.refresh_from_db()
    return capture


@pytest.mark.parametrize("thumbnail", [False, True])
def test_its_pages_say_that_the_picture_was_not_kept(thumbnail):
    capture = without_picture(thumbnail=thumbnail)
    client = logged_in(owner_of(capture.org))
    page = client.get(reverse("capture", args=[capture.pk])).content.decode()
    assert "The picture itself was not kept" in page
    assert "As always." in page
    assert ("only this preview and what was found" in page) is thumbnail
    assert reverse("capture-image", args=[capture.pk]) not in page
    assert client.get(reverse("capture-image", args=[capture.pk])).status_code == 404
    assert client.get(reverse("capture-thumbnail", args=[capture.pk])).status_code == (200 if thumbnail else 404)
    for name in ("timeline", "cameras"):
        assert client.get(reverse(name)).status_code == 200
    for name in ("camera", "definition"):
        assert client.get(reverse(name, args=[capture.device_id])).status_code == 200


def test_the_api_tells_that_no_image_is_stored(client):
    device, key = make_device()
    capture = without_picture(device)
    headers = {"X-API-Key": key}
    told = client.get(f"/v1/captures/{capture.pk}", headers=headers).json()
    assert {name: told[name] for name in ("image_stored", "thumbnail_stored", "state", "byte_size", "sha256")} == {
        "image_stored": False,
        "thumbnail_stored": False,
        "state": "normal",
        "byte_size": 0,
        "sha256": "",
    }
    for what in ("image", "thumbnail"):
        answer = client.get(f"/v1/captures/{capture.pk}/{what}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "picture_not_kept")


def test_operators_are_told_as_well(client):
    client.force_login(make_operator())
    page = client.get(reverse("admin:captures_capture_change", args=[without_picture().pk])).content.decode()
    assert "It was not kept where it was imported from." in page


def test_several_may_be_without_and_none_of_them_waits_to_be_judged():
    device, _ = make_device()
    first, second = without_picture(device), without_picture(device, minutes=1)
    assert first.storage_key == second.storage_key == ""
    for fields in ({"byte_size": 1}, {"sha256": "0" * 64}, {"evaluation_status": "pending", "verdict": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Capture.unscoped.filter(pk=first.pk).update(**fields)
    Capture.unscoped.filter(pk=first.pk).update(evaluation_status=EvaluationStatus.FAILED, verdict=None)
    Capture.unscoped.filter(pk=second.pk).update(evaluation_status=EvaluationStatus.SKIPPED, verdict=None)
    assert retry_failed(captures=device.captures.all()) == 0
    assert retry_over_limit(org=device.org) == 0
    assert claim_next(now=timezone.now()) is None


def test_it_may_be_called_right_but_is_no_reference():
    capture = without_picture()
    Capture.unscoped.filter(pk=capture.pk).update(verdict="uncertain")
    capture.refresh_from_db()
    owner = owner_of(capture.org)
    assert not label_capture(capture=capture, verdict="normal", acting_user=owner).reference
    with pytest.raises(InvalidLabel, match="not kept"):
        label_capture(capture=capture, verdict="normal", reference=True, acting_user=owner)


def test_the_sweep_leaves_its_thumbnail_alone():
    capture = without_picture(thumbnail=True)
    report = sweep_files(now=timezone.now() + 2 * SWEEP_AFTER)
    assert capture.thumbnail_key not in report.quarantined
    assert default_storage.exists(capture.thumbnail_key)
