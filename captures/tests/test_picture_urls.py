"""Signed addresses of pictures: for one file, for a while, for whoever holds them, and cheap to make."""

import subprocess
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from captures.models import Capture
from captures.picture_urls import picture_url
from captures.ranges import NotSatisfiable, Span, parse_range
from orgs.models import Membership
from tests.builders import logged_in, make_capture, make_device, make_member, make_org, owner_of
from tests.queries import statements_of
from tests.server import free_port

pytestmark = pytest.mark.django_db


def fetch(url: str, **headers: str):
    return Client().get(url, headers=headers)


def ends_of(url: str) -> int:
    return int(url.split("/")[3])


def test_a_signed_address_opens_its_picture_without_a_login():
    capture = make_capture()
    url = picture_url(capture.storage_key)
    answer = fetch(url)
    assert answer.status_code == 200
    assert answer.getvalue() == default_storage.open(capture.storage_key).read()
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies
    left = ends_of(url) - timezone.now().timestamp()
    assert answer["Cache-Control"].startswith("private, max-age=")
    assert abs(int(answer["Cache-Control"].split("=")[1].split(",")[0]) - left) < 5


def test_an_address_outlives_the_change_of_the_key_it_was_signed_with(settings):
    url = picture_url(make_capture().storage_key)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [settings.SECRET_KEY]
    assert fetch(url).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert fetch(url).status_code == 403


@pytest.mark.parametrize("change", ["signature", "ends", "key"])
def test_an_altered_address_opens_nothing(change):
    mine, theirs = make_capture(), make_capture()
    _, _, signature, ends, key = picture_url(mine.storage_key).split("/", 4)
    parts = {"signature": signature, "ends": ends, "key": key}
    altered = {
        "signature": ("x" if signature[0] != "x" else "y") + signature[1:],
        "ends": str(int(ends) + 1),
        "key": theirs.storage_key,
    }
    parts[change] = altered[change]
    answer = fetch("/pictures/{signature}/{ends}/{key}".format(**parts))
    assert (answer.status_code, "none of ours" in answer.text) == (403, True)


def test_an_address_ends_within_the_hour(settings):
    settings.VISANT_PICTURE_URL_SECONDS = 3600
    capture = make_capture()
    now = timezone.now().timestamp()
    assert 1800 <= ends_of(picture_url(capture.storage_key)) - now + 1 <= 3601
    ended = picture_url(capture.storage_key, until=timezone.now() - timedelta(seconds=1))
    assert (fetch(ended).status_code, "has ended" in fetch(ended).text) == (403, True)


def test_an_address_ends_with_the_reason_to_look():
    capture = make_capture()
    soon = timezone.now() + timedelta(minutes=5)
    assert ends_of(picture_url(capture.storage_key, until=soon)) == int(soon.timestamp())
    guest = make_member(capture.org)
    Membership.unscoped.filter(user=guest).update(valid_until=soon)
    page = logged_in(guest).get(f"/captures/{capture.pk}").text
    assert f'src="{picture_url(capture.storage_key, until=soon)}"' in page


def test_the_address_stays_the_same_so_that_browsers_keep_the_picture():
    capture = make_capture()
    assert picture_url(capture.storage_key) == picture_url(capture.storage_key)


def test_a_timeline_costs_as_many_queries_with_many_pictures_as_with_one():
    org = make_org()
    device, _ = make_device(org)
    owner = logged_in(owner_of(org))

    def judged(count: int) -> None:
        for _ in range(count):
            capture = make_capture(device)
            Capture.unscoped.filter(pk=capture.pk).update(thumbnail_key=f"{capture.pk}_thumb.jpeg")

    judged(1)
    owner.get("/")
    few = len(statements_of(lambda: owner.get("/")))
    judged(15)
    page = owner.get("/")
    assert page.text.count('src="/pictures/') == 16
    assert len(statements_of(lambda: owner.get("/"))) == few


def test_an_address_of_a_file_that_is_gone_says_so():
    assert fetch(picture_url("none/x.jpeg")).status_code == 503


# --- conditional requests and ranges


def test_what_a_browser_has_it_is_not_sent_again():
    capture = make_capture()
    url = picture_url(capture.storage_key)
    first = fetch(url)
    again = fetch(url, if_none_match=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert fetch(url, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("door", ["signed", "page", "api"])
def test_a_part_of_a_picture_can_be_asked_for(door):
    device, key = make_device()
    capture = make_capture(device)
    data = default_storage.open(capture.storage_key).read()
    client, path, more = {
        "signed": (Client(), picture_url(capture.storage_key), {}),
        "page": (logged_in(owner_of(capture.org)), f"/captures/{capture.pk}/image", {}),
        "api": (Client(), f"/v1/captures/{capture.pk}/image", {"Authorization": f"Bearer {key}"}),
    }[door]

    def ask(**headers: str):
        return client.get(path, headers={**more, **headers})

    whole = ask()
    assert whole["Accept-Ranges"] == "bytes"
    part = ask(range="bytes=10-19")
    assert (part.status_code, part.getvalue(), part["Content-Length"]) == (206, data[10:20], "10")
    assert part["Content-Range"] == f"bytes 10-19/{len(data)}"
    assert ask(range="bytes=-5").getvalue() == data[-5:]
    assert ask(range=f"bytes={len(data) - 3}-").getvalue() == data[-3:]
    assert ask(range="bytes=1-2", if_range=whole["ETag"]).status_code == 206
    assert ask(range="bytes=1-2", if_range='"other"').getvalue() == data
    beyond = ask(range=f"bytes={len(data)}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(data)}")


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=2-", Span(2, 9)),
        ("bytes=2-100", Span(2, 9)),
        ("bytes=-4", Span(6, 9)),
        ("bytes=-100", Span(0, 9)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("pages=1-2", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges_are_read_as_http_has_them(header, span):
    assert parse_range(header, size=10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_beyond_the_end_is_not_satisfiable(header):
    with pytest.raises(NotSatisfiable):
        parse_range(header, size=10)


# --- the server in front


def test_the_server_in_front_is_told_which_file_to_send(settings):
    settings.VISANT_ACCEL_REDIRECT = "/protected/"
    capture = make_capture()
    answer = fetch(picture_url(capture.storage_key))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/protected/{quote(capture.storage_key)}"
    assert answer["Content-Type"] == "image/jpeg"
    assert fetch(picture_url("none/x.jpeg")).status_code == 503


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {behind}; proxy_set_header Host $host; }}
    location /protected/ {{ internal; alias {media}/; }}
  }}
}}
"""


@pytest.fixture
def nginx(live_server, settings, tmp_path):
    """A real nginx in front, as docs/storage.md configures it."""
    settings.VISANT_ACCEL_REDIRECT = "/protected/"
    settings.MEDIA_ROOT = tmp_path / "media"
    tmp_path.chmod(0o755)
    path, port = tmp_path / "nginx.conf", free_port()
    path.write_text(NGINX.format(folder=tmp_path, port=port, behind=live_server.url, media=settings.MEDIA_ROOT))
    try:
        process = subprocess.Popen(["nginx", "-g", "user root;", "-c", str(path)])
    except FileNotFoundError:
        pytest.skip("There is no nginx here.")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.mark.django_db(transaction=True)
def test_nginx_sends_the_file_with_ranges_and_to_nobody_without_a_signature(nginx):
    capture = make_capture()
    data = default_storage.open(capture.storage_key).read()
    url = nginx + picture_url(capture.storage_key)
    session = requests.Session()
    patient = requests.adapters.Retry(connect=8, backoff_factor=0.05)
    session.mount(nginx, requests.adapters.HTTPAdapter(max_retries=patient))
    answer = session.get(url, timeout=5)
    assert (answer.status_code, answer.content) == (200, data)
    assert (answer.headers["Server"].partition("/")[0], answer.headers["Content-Type"]) == ("nginx", "image/jpeg")
    part = session.get(url, headers={"Range": "bytes=10-19"}, timeout=5)
    assert (part.status_code, part.content) == (206, data[10:20])
    again = session.get(url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=5)
    assert again.status_code == 304
    assert session.get(f"{nginx}/protected/{capture.storage_key}", timeout=5).status_code == 404
    assert session.get(url.replace("/pictures/", "/pictures/x"), timeout=5).status_code == 403
