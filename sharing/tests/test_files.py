"""The bytes behind a link: made anew, without what a camera wrote into them, and gone with the link."""

import io
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import ExifTags, Image

from captures.derivatives import aged_view_of, view_of
from captures.models import Capture
from captures.retention.deleting import delete_capture
from captures.services import store_capture
from captures.storage import derived_keys, thumbnail_key
from captures.upkeep import SWEEP_AFTER, sweep_files
from sharing.models import LinkKind, ShareLink
from sharing.services.links import revoke_links
from tests.builders import MOMENT, make_capture, make_device, make_jpeg, make_link, owner_of, stored_files

pytestmark = pytest.mark.django_db
CAMERA = "A camera with a serial number"


def with_exif(size=(3000, 2000), seed=0):
    """A picture on its side, which says where and by which camera it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Model] = CAMERA
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (52.0, 31.0, 0.0)}
    return make_jpeg(seed, size, exif=exif)


@pytest.fixture
def capture():
    capture, _ = store_capture(device=make_device()[0], data=with_exif(), captured_at=MOMENT)
    Capture.unscoped.filter(pk=capture.pk).update(verdict="normal", evaluation_status="completed")
    capture.refresh_from_db()
    return capture


def get(link, name="image", client=None, **headers):
    row = link.device.captures.get()
    return (client or Client()).get(f"/s/{link.token}/pictures/{row.pk}/{name}", headers=headers)


def latest(link, **headers):
    """The newest picture; of these cameras it is stale."""
    return Client().get(f"/s/{link.token}/latest.jpg", headers=headers)


def bytes_of(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize(("name", "size"), [("image", (1365, 2048)), ("thumbnail", (200, 300))])
def test_what_visitors_get_is_upright_and_says_nothing_of_the_camera_or_the_place(capture, name, size):
    data = bytes_of(get(make_link(capture), name))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == size
        assert not image.getexif()
        assert set(image.info) <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
            "progressive",
            "progression",
        }
    assert CAMERA.encode() not in data


def test_neither_does_a_picture_that_tells_its_age_but_for_that(capture):
    link = make_link(capture, LinkKind.LATEST)
    assert latest(link).status_code == 200
    data = bytes_of(latest(link))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, bool(image.getexif())) == ((1365, 2048), False)
        assert image.info["comment"].startswith(b"last picture ")
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "comment"}
    assert CAMERA.encode() not in data


def test_a_thumbnail_that_was_imported_is_made_anew_too(capture):
    key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(with_exif((320, 240))))
    Capture.unscoped.update(thumbnail_key=key)
    data = bytes_of(get(make_link(capture), "thumbnail"))
    assert CAMERA.encode() not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (225, 300)


def test_a_thumbnail_that_is_broken_is_made_of_the_picture(capture):
    key = default_storage.save(thumbnail_key(capture.storage_key), ContentFile(b"no picture"))
    Capture.unscoped.update(thumbnail_key=key)
    assert get(make_link(capture), "thumbnail").status_code == 200


def test_the_original_is_had_only_where_downloads_are_allowed(capture):
    assert get(make_link(capture), "original").status_code == 403
    answer = get(make_link(capture, download_allowed=True), "original")
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="2026-03-01 12.00.00.jpeg"'
    assert bytes_of(answer) == with_exif()


@pytest.mark.parametrize("name", ["image", "thumbnail", "original"])
def test_a_picture_is_asked_for_again_each_time_and_goes_with_the_link(capture, name):
    link = make_link(capture, download_allowed=True)
    answer = get(link, name)
    assert answer["Cache-Control"] == "private, no-cache"
    again = get(link, name, **{"If-None-Match": answer["ETag"]})
    assert (again.status_code, again["Cache-Control"]) == (304, "private, no-cache")
    revoke_links(links=ShareLink.unscoped.filter(pk=link.pk), acting_user=owner_of(link.org))
    assert get(link, name, **{"If-None-Match": answer["ETag"]}).status_code == 410


def test_what_is_made_is_kept_beside_the_picture_and_made_once(capture):
    link = make_link(capture)
    before = stored_files()
    get(link), get(link, "thumbnail")
    view, small, aged = derived_keys(capture.storage_key)
    assert stored_files() - before == {view, small}
    latest(make_link(capture, LinkKind.LATEST))
    assert stored_files() - before == {view, small, aged}
    default_storage.save(view, ContentFile(b"kept"))
    assert bytes_of(get(link)) == b"kept"


def test_the_sweep_keeps_it_as_long_as_the_picture_is_there(capture):
    latest(make_link(capture, LinkKind.LATEST)), get(make_link(capture), "thumbnail")
    assert stored_files() == {capture.storage_key, *derived_keys(capture.storage_key)}
    later = timezone.now() + 2 * SWEEP_AFTER
    assert sweep_files(now=later).quarantined == []
    Capture.unscoped.all().delete()
    assert set(sweep_files(now=later).quarantined) == {capture.storage_key, *derived_keys(capture.storage_key)}


def test_it_is_deleted_with_the_picture(capture, django_capture_on_commit_callbacks):
    latest(make_link(capture, LinkKind.LATEST)), get(make_link(capture), "thumbnail")
    assert stored_files() == {capture.storage_key, *derived_keys(capture.storage_key)}
    with django_capture_on_commit_callbacks(execute=True):
        delete_capture(capture=capture, acting_user=owner_of(capture.org))
    assert stored_files() == set()


def test_nothing_is_left_of_a_picture_that_was_deleted_while_it_was_made(capture):
    Capture.unscoped.filter(pk=capture.pk).delete()
    view_of(capture)
    assert stored_files() == {capture.storage_key}


def test_neither_of_one_that_tells_its_age(capture):
    view = view_of(capture)
    Capture.unscoped.filter(pk=capture.pk).delete()
    aged_view_of(capture, "last picture 3 h ago")
    assert stored_files() == {capture.storage_key, view}


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_picture_that_is_lost_is_answered_with_that(capture, damage):
    default_storage.delete(capture.storage_key)
    if damage == "damaged":
        default_storage.save(capture.storage_key, ContentFile(with_exif()[:-1000]))
    link = make_link(capture, LinkKind.LATEST, picture_in_preview=True)
    answers = [get(link), get(link, "thumbnail"), latest(link)]
    answers.append(Client().get(f"/s/{link.token}/preview.jpg"))
    assert [answer.status_code for answer in answers] == [404] * 4
    assert "The file of this picture is" in answers[0].text
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 0


def test_the_first_full_picture_is_the_view_and_neither_its_head_nor_a_thumbnail(capture):
    link, client = make_link(capture, LinkKind.DEVICE, max_views=1), Client()
    client.head(f"/s/{link.token}/pictures/{capture.pk}/image")
    get(link, "thumbnail", client)
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 0
    assert [get(link, client=client).status_code for _ in range(2)] == [200, 200]
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 1
    assert (get(link).status_code, get(link, "thumbnail").status_code) == (410, 410)


@pytest.mark.parametrize("kind", ["image", "original", "latest"])
def test_a_picture_that_is_opened_by_itself_takes_the_password_and_goes_on_to_it(capture, kind):
    link = make_link(capture, password_hash=make_password("open sesame"), download_allowed=True)
    path = "latest.jpg" if kind == "latest" else f"pictures/{capture.pk}/{kind}"
    client = Client(enforce_csrf_checks=True)
    asked = client.get(f"/s/{link.token}/{path}")
    refused = client.post(f"/s/{link.token}/{path}", {"password": "guessed"})
    assert [answer.status_code for answer in (asked, refused)] == [403, 403]
    assert "asks for a password" in refused.text
    shown = client.post(f"/s/{link.token}/{path}", {"password": "open sesame"}, follow=True)
    assert shown.redirect_chain == [(f"/s/{link.token}/{path}", 302)]
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/jpeg")


def test_who_has_the_picture_already_takes_no_view(capture):
    link = make_link(capture)
    etag = get(link)["ETag"]
    for _ in range(3):
        assert get(link, **{"If-None-Match": etag}).status_code == 304
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 1


@pytest.mark.parametrize("agent", ["WhatsApp/2.23.20.0", "facebookexternalhit/1.1", "Slackbot-LinkExpanding 1.0"])
def test_a_preview_of_the_link_gets_no_full_picture_and_counts_nothing(capture, agent):
    link = make_link(capture, picture_in_preview=True, download_allowed=True)
    robot = {"User-Agent": agent}
    names = ("image", "original", "thumbnail")
    assert [get(link, name, **robot).status_code for name in names] == [403, 403, 200]
    assert Client().head(f"/s/{link.token}/pictures/{capture.pk}/image", headers=robot).status_code == 403
    assert Client().head(f"/s/{link.token}/latest.jpg", headers=robot).status_code == 403
    paths = ("latest.jpg", "preview.jpg", "")
    found = [Client().get(f"/s/{link.token}/{path}".rstrip("/"), headers=robot) for path in paths]
    assert [answer.status_code for answer in found] == [403, 200, 200]
    assert "og:title" in found[2].text
    assert ShareLink.unscoped.get(pk=link.pk).view_count == 0


def test_a_server_in_front_is_left_to_send_it(capture, settings):
    settings.VISANT_ACCEL_REDIRECT = "/protected/"
    answer = get(make_link(capture))
    assert answer["X-Accel-Redirect"] == f"/protected/{derived_keys(capture.storage_key)[0]}"
    assert (answer["Cache-Control"], answer.content) == ("private, no-cache", b"")


# --- from a bucket


@pytest.fixture
def in_bucket(s3):
    return make_capture(verdict="normal")


@pytest.mark.parametrize("name", ["image", "thumbnail", "original"])
def test_a_bucket_hands_it_out_for_as_long_as_the_link_lasts_and_an_hour_at_most(in_bucket, settings, name):
    settings.VISANT_PICTURE_URL_SECONDS = 24 * 60 * 60
    for lasts, longest in ((timedelta(minutes=5), 300), (timedelta(days=5), 3600), (None, 3600)):
        expires_at = timezone.now() + lasts if lasts else None
        link = make_link(in_bucket, expires_at=expires_at, download_allowed=True)
        answer = get(link, name)
        assert (answer.status_code, answer["Cache-Control"]) == (302, "private, no-cache")
        query = parse_qs(urlsplit(answer["Location"]).query)
        signed_at = datetime.strptime(query["X-Amz-Date"][0] + "+0000", "%Y%m%dT%H%M%SZ%z")
        ends_at = signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
        assert 0 < (ends_at - timezone.now()).total_seconds() <= longest
        fetched = requests.get(answer["Location"], timeout=10)
        assert (fetched.status_code, fetched.headers["Content-Type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(fetched.content)) as image:
            assert image.size == (64, 48)
    assert ShareLink.unscoped.get(pk=link.pk).view_count == (0 if name == "thumbnail" else 1)


@pytest.mark.parametrize("name", ["image", "original"])
def test_to_ask_a_bucket_for_the_head_is_a_view_since_the_answer_leads_to_the_picture(in_bucket, name):
    link = make_link(in_bucket, max_views=1, download_allowed=True)
    path = f"/s/{link.token}/pictures/{in_bucket.pk}/{name}"
    assert [Client().head(path).status_code for _ in range(2)] == [302, 410]


def test_the_latest_comes_from_us_with_its_tag_also_from_a_bucket(in_bucket):
    for kind in (LinkKind.CAPTURE, LinkKind.LATEST):
        link = make_link(in_bucket, kind)
        answers = [latest(link) for _ in range(2)]
        assert {(answer.status_code, answer["Content-Type"]) for answer in answers} == {(200, "image/jpeg")}
        assert answers[0].content == answers[1].content
        assert latest(link, **{"If-None-Match": answers[0]["ETag"]}).status_code == 304


def test_a_bucket_that_is_away_is_said_to_be(in_bucket, s3):
    link = make_link(in_bucket)
    s3.stop()
    answer = get(link)
    s3.start()
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
