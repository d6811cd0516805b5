"""How much work those can cause who hold a link: each picture is made once, and not too many at a time."""

import io
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import Image

from captures.banner import words_of
from captures.models import Capture
from captures.storage import aged_key, derived_keys
from sharing.models import LinkKind, ShareLink
from tests.builders import make_capture, make_link

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
NAMES = ("image", "thumbnail")


@pytest.fixture
def encoded(monkeypatch):
    """The sizes of the pictures that were encoded."""
    sizes: list[tuple[int, int]] = []

    def watched(image: Image.Image, *args: object, **options: object) -> None:
        sizes.append(image.size)
        original(image, *args, **options)

    original = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", watched)
    return sizes


@pytest.fixture
def stale():
    """A link to the latest picture, which is three days old."""
    capture = make_capture(verdict="normal")
    taken(capture, 3 * 24 * HOUR + HOUR)
    return make_link(capture, LinkKind.LATEST, picture_in_preview=True)


def taken(capture, ago):
    Capture.unscoped.filter(pk=capture.pk).update(captured_at=timezone.now() - ago)


def get(link, path, **headers):
    return Client().get(f"/s/{link.token}/{path}", headers=headers)


def of(capture, name):
    return f"pictures/{capture.pk}/{name}"


def test_a_hundred_visitors_have_a_picture_made_once(stale, encoded):
    paths = ["latest.jpg", "preview.jpg", *(of(stale.device.captures.get(), name) for name in NAMES)]
    for path in paths:
        answers = [get(stale, path) for _ in range(25)]
        assert {answer.status_code for answer in answers} == {200}
        [said] = {b"".join(answer) for answer in answers}
        with Image.open(io.BytesIO(said)) as image:
            assert image.format == "JPEG"
    # for a screen, the same with its age, for lists and previews
    assert len(encoded) == 3
    assert ShareLink.unscoped.get(pk=stale.pk).view_count == 50


def test_a_picture_that_tells_its_age_is_drawn_again_only_when_that_is_another(stale, encoded):
    capture, found = stale.device.captures.get(), []
    for hours in (25, 36, 47, 49, 60):
        taken(capture, hours * HOUR)
        found.append((words_of(get(stale, "latest.jpg").content), len(encoded)))
    assert found == [("last picture 1 day ago", 2)] * 3 + [("last picture 2 days ago", 3)] * 2


def test_what_stands_in_its_place_and_is_no_such_picture_is_drawn_again(stale):
    good = get(stale, "latest.jpg").content
    key = aged_key(stale.device.captures.get().storage_key)
    for broken in (b"", b"no picture", good[:40]):
        default_storage.save(key, ContentFile(broken))
        assert get(stale, "latest.jpg").content == good


@pytest.mark.parametrize("path", ["latest.jpg", "preview.jpg", *NAMES])
def test_who_has_a_picture_is_told_so_before_anything_is_read(stale, encoded, path):
    capture = stale.device.captures.get()
    path = of(capture, path) if path in NAMES else path
    tag = get(stale, path)["ETag"]
    for key in (capture.storage_key, *derived_keys(capture.storage_key)):
        default_storage.delete(key)
    encoded.clear()
    again = get(stale, path, **{"If-None-Match": tag})
    assert (again.status_code, again["ETag"], again.content) == (304, tag, b"")
    assert encoded == []


def test_so_many_pictures_are_made_large_for_a_link_and_then_it_has_to_wait(settings, encoded):
    settings.RATE_LIMITS = {**dict.fromkeys(settings.RATE_LIMITS, "off"), "share_making_link": "2/h"}
    first = make_capture(verdict="normal")
    second, third = (make_capture(first.device, verdict="normal", minutes=minutes) for minutes in (1, 2))
    link = make_link(first, LinkKind.DEVICE, max_views=10)
    assert [get(link, of(row, "image")).status_code for row in (first, second)] == [200, 200]
    refused = get(link, of(third, "image"))
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    # It is no view; what is there is shown, and so is what is small.
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 2
    assert [get(link, of(row, "image")).status_code for row in (first, second)] == [200, 200]
    assert get(link, of(third, "thumbnail")).status_code == 200
    # Another link does not wait for this one.
    assert get(make_link(third, LinkKind.DEVICE), of(third, "image")).status_code == 200
    assert get(link, of(third, "image")).status_code == 200
