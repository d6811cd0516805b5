"""Video files, RTSP streams and webcams, by OpenCV (the ``video`` extra)."""

from __future__ import annotations

import logging
import queue
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Union
from urllib.parse import urlsplit

from visant_camera.pictures import Picture, utc_now
from visant_camera.sources.base import NoPicture, Source, SourceError

try:
    import cv2
except ImportError as missing:
    raise SourceError('Video needs OpenCV: pip install "visant-camera[video]".') from missing

if TYPE_CHECKING:
    from cv2.typing import MatLike

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds to wait for a frame
REOPEN_AFTER = 2.0  # seconds between two attempts to open a stream
USUAL_RATE = 25.0  # frames a second, where the file does not say
# OpenCV would wait 30 s each; both in milliseconds.
TIME_OUTS = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 8000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 8000]
JPEG_QUALITY = 90


def _jpeg(frame: MatLike) -> bytes:
    done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise NoPicture("the frame could not be written as JPEG")
    return data.tobytes()


class VideoFileSource(Source):
    """Plays a recording at its own pace: one picture for every ``interval`` seconds of video.

    At the end it starts again, or stops when ``once_through``. An interval of 0 gives every frame.
    """

    def __init__(self, path: Path, *, interval: float, once_through: bool) -> None:
        self._path = path
        self._once_through = once_through
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.grab():
            raise SourceError(f"{path} is neither a folder nor a video that OpenCV can read.")
        rate = self._capture.get(cv2.CAP_PROP_FPS) or USUAL_RATE
        self._step = max(1, round(interval * rate))
        self._frames_to_next = 1
        self._rewind()

    def __next__(self) -> Picture:
        if not self._advance():
            if self._once_through:
                raise StopIteration
            self._rewind()
            if not self._advance():
                raise NoPicture(f"{self._path.name} cannot be read any more")
        done, frame = self._capture.retrieve()
        if not done:
            raise NoPicture(f"{self._path.name} has a damaged frame")
        return Picture(_jpeg(frame), "image/jpeg", utc_now(), {"file": self._path.name})

    def close(self) -> None:
        self._capture.release()

    def _advance(self) -> bool:
        # Grabbing frame by frame is exact in every container; seeking is not, and never reports the end.
        frames, self._frames_to_next = self._frames_to_next, self._step
        return all(self._capture.grab() for _ in range(frames))

    def _rewind(self) -> None:
        self._capture.release()
        self._capture.open(str(self._path))
        self._frames_to_next = 1


class LiveSource(Source):
    """The present moment of an RTSP stream or a webcam.

    A thread reads the stream all the time, so that no old frame waits in a buffer, and opens it again when it
    breaks. A frame is made into a picture only when one is asked for.
    """

    def __init__(self, spec: str, *, patience: float = PATIENCE, reopen_after: float = REOPEN_AFTER) -> None:
        self._patience = patience
        self._reopen_after = reopen_after
        self._address: Union[str, int] = spec
        self._name = "the stream"
        if spec.lower().startswith("webcam:"):
            number = spec.partition(":")[2] or "0"
            if not number.isdigit():
                raise SourceError("A webcam is given by its number, like webcam:0.")
            self._address, self._name = int(number), f"webcam {number}"
        else:
            self._name = urlsplit(spec).hostname or self._name
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._frames: queue.Queue[tuple[MatLike, datetime]] = queue.Queue(maxsize=1)
        self._reader = threading.Thread(target=self._read, name="live-stream", daemon=True)
        self._reader.start()

    def __next__(self) -> Picture:
        self._discard_late_frame()
        self._wanted.set()
        try:
            frame, taken_at = self._frames.get(timeout=self._patience)
        except queue.Empty:
            self._wanted.clear()
            raise NoPicture(f"{self._name} gives no picture") from None
        return Picture(_jpeg(frame), "image/jpeg", taken_at)

    def close(self) -> None:
        self._closed.set()
        self._reader.join(timeout=0.5)

    def _discard_late_frame(self) -> None:
        """A frame that came just after its time-out is stale by now."""
        while not self._frames.empty():
            self._frames.get_nowait()

    def _read(self) -> None:
        while not self._closed.is_set():
            capture = self._open()
            if capture.isOpened():
                log.info("%s is open", self._name)
                self._follow(capture)
            capture.release()
            if not self._closed.is_set():
                log.warning("%s is away; opening it again in %.1f s", self._name, self._reopen_after)
            self._closed.wait(self._reopen_after)

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self._address, int):
            return cv2.VideoCapture(self._address)
        return cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, TIME_OUTS)

    def _follow(self, capture: cv2.VideoCapture) -> None:
        """Read until the stream breaks or the source is closed."""
        while not self._closed.is_set() and capture.grab():
            if not self._wanted.is_set():
                continue
            taken_at = utc_now()
            done, frame = capture.retrieve()
            if done and self._frames.empty():
                self._wanted.clear()
                self._frames.put((frame, taken_at))
