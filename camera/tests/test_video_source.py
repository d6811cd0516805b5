from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builders import wait_until
from visant_camera.pictures import Picture
from visant_camera.sources import NoPicture, SourceError, open_source

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """Two seconds at 10 frames a second; frame n has the brightness 10 n."""
    path = tmp_path / "yard.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), number * 10, np.uint8))
    writer.release()
    return str(path)


def level(picture: Picture, *, step: int = 10) -> int:
    image = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return round(float(image.mean()) / step)


def test_a_recording_is_played_at_its_own_pace_and_again(recording: str) -> None:
    source = open_source(recording, interval=0.5, once_through=False)
    assert [level(next(source)) for _ in range(6)] == [0, 5, 10, 15, 0, 5]


def test_a_recording_once_through_ends(recording: str) -> None:
    source = open_source(recording, interval=0, once_through=True)
    assert [level(picture) for picture in source] == list(range(20))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video")
    with pytest.raises(SourceError, match="neither a folder nor a video"):
        open_source(str(tmp_path / "notes.mp4"), interval=1, once_through=False)


class Stream:
    """A live camera as Motion-JPEG over HTTP, 50 frames a second; a frame's level is 1 per quarter of a second.

    It is on the air for a quarter of a minute; then it is white.
    """

    STEP = 4

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.on_air = True
        stream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                while stream.on_air:
                    frame = np.full((48, 64, 3), min(stream.level() * stream.STEP, 255), np.uint8)
                    data = cv2.imencode(".jpg", frame)[1].tobytes()
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data + b"\r\n")
                    time.sleep(0.02)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def level(self) -> int:
        return int((time.monotonic() - self.begun) * 4)


def test_a_live_stream_gives_the_present_and_is_opened_again_when_it_breaks() -> None:
    from visant_camera.sources.video import LiveSource

    stream = Stream()
    address = f"http://127.0.0.1:{stream.http.server_address[1]}/"
    source = LiveSource(address, patience=0.4, reopen_after=0.1)

    def gives_more_than(least: int) -> bool:
        try:
            return level(next(source), step=Stream.STEP) > least
        except NoPicture:  # not open yet
            return False

    wait_until(lambda: gives_more_than(-1))
    time.sleep(0.6)
    now = stream.level()
    # What was just being sent may be of a moment before; what a buffer held would be of three.
    assert now - 1 <= level(next(source), step=Stream.STEP) <= stream.level()
    stream.on_air = False

    def is_away() -> bool:
        try:
            next(source)
        except NoPicture as away:
            return str(away) == "127.0.0.1 gives no picture"
        return False

    wait_until(is_away)
    stream.on_air = True
    wait_until(lambda: gives_more_than(now))
    source.close()
    stream.on_air = False
    stream.http.shutdown()
    stream.http.server_close()
