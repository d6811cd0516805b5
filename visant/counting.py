"""What web processes count for ``/metrics``: how long requests took, by door and status, and who listens.

Counted where every request passes anyway, and by few names: no camera, organization or path is one of them. With
``PROMETHEUS_MULTIPROC_DIR``, which ``serve`` and ``web`` set, the processes of a host count in files together.
"""

import os
from functools import cache
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SECONDS = Histogram(
    "visant_request_seconds",
    "How long requests took, until their answer was made.",
    ["door", "status"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
STREAMS = Gauge("visant_streams", "Cameras that listen.", multiprocess_mode="livesum")
# By the beginning of the path; the first that fits.
DOORS = (
    ("/v1/captures", "captures"),
    ("/v1/", "api"),
    ("/static/", "static"),
    ("/admin/", "admin"),
    ("/healthz", "health"),
    ("/readyz", "health"),
    ("/metrics", "health"),
)


def count_request(method: str, path: str, status: int, seconds: float) -> None:
    """Count one request. An upload is of the door ``upload``: 201 a new picture, 200 one that was there."""
    _of(_door(method, path), status).observe(seconds)


def counted() -> CollectorRegistry:
    """Return what was counted by this process, or by all of its host."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    _forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _door(method: str, path: str) -> str:
    if method == "POST" and path == "/v1/captures":
        return "upload"
    return next((door for beginning, door in DOORS if path.startswith(beginning)), "pages")


@cache
def _of(door: str, status: int) -> Histogram:
    # Looking one up takes a third of the time that counting takes.
    return SECONDS.labels(door, str(status))


def _forget_the_dead(folder: Path) -> None:
    """Streams of a process that was killed are gone; what it counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists():
            mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
