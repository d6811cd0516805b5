"""Which Visant this is."""

import tomllib
from functools import cache

from django.conf import settings


@cache
def version() -> str:
    """Return the version that ``pyproject.toml`` names."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])
