from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Optional

import pytest

from builders import make_picture
from visant_camera.sources import NoPicture, Source, SourceError, open_source

PICTURE = make_picture("snapshot").data
BASIC = "Basic " + base64.b64encode(b"ad:min:p@ss").decode()
DIGEST = 'Digest realm="camera", nonce="0123456789abcdef", qop="auth", algorithm=MD5'


class Camera(BaseHTTPRequestHandler):
    """An IP camera; the path chooses what kind."""

    asked: list[tuple[str, Optional[str]]]

    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization")
        self.asked.append((self.path, authorization))
        if self.path == "/basic" and authorization != BASIC:
            return self.reply(401, {"WWW-Authenticate": 'Basic realm="camera"'})
        if self.path == "/digest" and not (authorization or "").startswith('Digest username="ad'):
            return self.reply(401, {"WWW-Authenticate": DIGEST})
        if self.path == "/broken":
            return self.reply(503, {})
        if self.path == "/login":
            return self.reply(200, {"Content-Type": "text/html"}, b"<html>")
        if self.path == "/stream":
            return self.reply(200, {"Content-Type": "multipart/x-mixed-replace; boundary=x"}, PICTURE)
        if self.path == "/gif":
            return self.reply(200, {"Content-Type": "image/gif"}, b"GIF89a")
        return self.reply(200, {"Content-Type": "image/jpg; charset=binary"}, PICTURE)

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def port() -> Iterator[int]:
    Camera.asked = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield http.server_address[1]
    http.shutdown()
    http.server_close()


def snapshots(address: str) -> Source:
    return open_source(address, interval=1, once_through=False)


def test_a_snapshot_is_a_picture(port: int) -> None:
    picture = next(snapshots(f"http://127.0.0.1:{port}/snapshot.jpg?channel=1"))
    assert (picture.data, picture.content_type) == (PICTURE, "image/jpeg")
    assert Camera.asked == [("/snapshot.jpg?channel=1", None)]


def test_a_user_and_password_in_the_address_are_sent_as_basic(port: int) -> None:
    assert next(snapshots(f"http://ad%3Amin:p%40ss@127.0.0.1:{port}/basic")).data == PICTURE
    assert Camera.asked == [("/basic", BASIC)]


def test_digest_is_used_once_the_camera_asks_for_it(port: int) -> None:
    source = snapshots(f"http://admin:secret@127.0.0.1:{port}/digest")
    assert next(source).data == PICTURE
    assert next(source).data == PICTURE
    kinds = [(authorization or "none").split()[0] for _, authorization in Camera.asked]
    assert kinds == ["Basic", "none", "Digest", "Digest"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/basic", "answered 401"),
        ("/broken", "answered 503"),
        ("/login", "gave text/html, not a still picture"),
        ("/stream", "gave multipart/x-mixed-replace, not a still picture"),
        ("/gif", "gave image/gif that is not a JPEG, PNG or WebP picture"),
    ],
)
def test_what_is_no_picture_is_skipped_with_the_reason(port: int, path: str, reason: str) -> None:
    source = snapshots(f"http://user:secret@127.0.0.1:{port}{path}")
    for _ in range(2):
        with pytest.raises(NoPicture) as skipped:
            next(source)
        assert str(skipped.value) == f"127.0.0.1:{port} {reason}"


def test_a_camera_that_is_away_is_skipped_without_telling_its_password() -> None:
    with pytest.raises(NoPicture) as skipped:
        next(snapshots("http://user:secret@127.0.0.1:9/snapshot?pwd=secret"))
    assert str(skipped.value) == "127.0.0.1:9 cannot be reached (ConnectionError)"
    assert skipped.value.__suppress_context__


@pytest.mark.parametrize("address", ["http://", "http:///snapshot.jpg", "http://camera:port/"])
def test_an_address_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(SourceError, match="must look like"):
        snapshots(address)
