"""The floor with HTTP: a bare WSGI application reads the body, writes the durable file and does the one INSERT.

No key, no look at the picture, no framework. Served like Visant itself, with BARE_DATABASE_URL,
BARE_FOLDER, BARE_DEVICE and BARE_ORG in its environment.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware
from psycopg_pool import ConnectionPool

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.floor import SEES_ALL, store

folder = Path(os.environ["BARE_FOLDER"]) / str(os.getpid())
folder.mkdir(parents=True, exist_ok=True)
pool = ConnectionPool(
    os.environ["BARE_DATABASE_URL"],
    min_size=8,
    max_size=8,
    open=True,
    kwargs={"autocommit": True, "prepare_threshold": 1, "options": SEES_ALL},
)


def new_digest() -> str:
    """Another one each time: equal pictures of the same microsecond would be one picture."""
    return hashlib.sha256(os.urandom(16)).hexdigest()


def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "POST":
        data = environ["wsgi.input"].read()
        with pool.connection() as connection:
            store(connection, folder, os.environ["BARE_DEVICE"], os.environ["BARE_ORG"], data, new_digest())
        start("201 Created", [("Content-Length", "2")])
    else:
        start("200 OK", [("Content-Length", "2")])
    return [b"ok"]


application = WSGIMiddleware(answer, workers=8)
