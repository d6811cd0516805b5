"""Commands as an operator runs them, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection


def start_command(*arguments: str) -> subprocess.Popen[str]:
    """Start ``manage.py`` with them against the database and the files of the test, which must be committed."""
    name = connection.settings_dict["NAME"]
    environment = {**os.environ, "VISANT_VAR": str(Path(default_storage.path("")).parent)}
    if connection.vendor == "sqlite":
        environment["DATABASE_URL"] = f"sqlite:///{name}"
    else:
        base, _, query = os.environ["DATABASE_URL"].partition("?")
        path = base.rpartition("/")[0] + f"/{name}"
        environment["DATABASE_URL"] = f"{path}?{query}" if query else path
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
