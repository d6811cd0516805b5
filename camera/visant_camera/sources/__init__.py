"""Where pictures come from: each source is a small class behind one interface."""

from __future__ import annotations

from visant_camera.sources.base import NoPicture, NothingYet, Source, SourceError
from visant_camera.sources.choice import open_source

__all__ = ["NoPicture", "NothingYet", "Source", "SourceError", "open_source"]
