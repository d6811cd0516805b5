"""From the text of ``--source`` to a source."""

from __future__ import annotations

from pathlib import Path

from visant_camera.sources.base import Source, SourceError
from visant_camera.sources.drop import DropSource
from visant_camera.sources.folder import FolderSource
from visant_camera.sources.snapshot import SnapshotSource

KNOWN = (
    "a folder of pictures, drop:FOLDER for uploads, a video file, http(s)://… for snapshots, rtsp://…, webcam:0, "
    "or scene: for a painted one"
)


def open_source(spec: str, *, interval: float, once_through: bool) -> Source:
    """The source that ``spec`` names.

    ``interval`` is in seconds and tells a video file how far to advance. Raises ``SourceError`` when there is
    no such source, when it lacks an extra, or when ``once_through`` is asked of a source that has no end.
    """
    if spec.startswith("drop:"):
        if once_through:
            raise SourceError("A drop folder has no end; leave out --once-through.")
        return DropSource.from_spec(spec)
    path = Path(spec).expanduser()
    if path.is_dir():
        return FolderSource(path, once_through=once_through)
    if path.is_file():
        # Imported here, because OpenCV is an extra and slow to load.
        from visant_camera.sources.video import VideoFileSource

        return VideoFileSource(path, interval=interval, once_through=once_through)
    if once_through:
        raise SourceError("--once-through needs a source with an end: an existing folder or video file.")
    return _open_endless(spec)


def _open_endless(spec: str) -> Source:
    scheme = spec.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return SnapshotSource(spec)
    if scheme in ("rtsp", "rtsps", "webcam"):
        from visant_camera.sources.video import LiveSource

        return LiveSource(spec)
    if scheme == "scene":
        from visant_camera.sources.scene import SceneSource

        return SceneSource.from_spec(spec)
    # An unknown address may hold a password, so only its scheme is repeated.
    name = f"{scheme}://…" if "://" in spec else spec
    raise SourceError(f"There is no source {name!r}; give {KNOWN}.")
