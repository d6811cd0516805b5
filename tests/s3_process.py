"""The process behind :class:`tests.s3.S3Server`: ``python -m tests.s3_process PORT [CERTIFICATE KEY]``.

Told by lines of JSON on its standard input, each answered by a line; it ends when that ends. What is stored stays
while nobody may connect.
"""

import json
import logging
import socket
import sys
import threading
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from tests.strict_s3 import StrictS3, answer_error

HOST = "127.0.0.1"
ERRORS = {
    "fail": (503, "SlowDown", "Please reduce your request rate."),
    "lack": (501, "NotImplemented", "This is not to be had here."),
}


class Trouble:
    """A layer that may be told to answer with an error, late, or not at all.

    ``kind``: ``fail`` (503), ``lack`` (501), ``slow`` (waits first), ``lose`` (does what it is asked, and the
    answer is lost), ``gone`` (hangs up). ``methods``: only these. ``after``: so many requests of those methods go
    well first.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.told: dict[str, Any] = {}
        self.news = threading.Condition()

    def __call__(self, env: dict[str, Any], start: Any) -> Any:
        kind = self._kind_for(env["REQUEST_METHOD"])
        if kind in ERRORS:
            env["wsgi.input"].read(int(env.get("CONTENT_LENGTH") or 0))
            return answer_error(start, *ERRORS[kind])
        if kind == "slow" and not self._wait():
            kind = "gone"
        if kind == "lose":
            list(self.app(env, lambda *_: None))
        if kind in ("lose", "gone"):
            env["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        return self.app(env, start)

    def tell(self, told: dict[str, Any]) -> None:
        with self.news:
            self.told = told
            self.news.notify_all()

    def _wait(self) -> bool:
        """Whether it is still so when the time is up: what was slow before does not come into what is next."""
        with self.news:
            told = self.told
            self.news.wait_for(lambda: self.told is not told, timeout=told.get("seconds", 0))
            return self.told is told

    def _kind_for(self, method: str) -> str:
        with self.news:
            if not self.told or (self.told["methods"] and method not in self.told["methods"]):
                return ""
            if self.told["after"] > 0:
                self.told["after"] -= 1
                return ""
            return str(self.told["kind"])


class Door:
    def __init__(self, port: int, app: Any, certificate: Any) -> None:
        self.port, self.app, self.certificate = port, app, certificate
        self.server: BaseWSGIServer | None = None

    def open(self) -> None:
        self.server = make_server(HOST, self.port, self.app, threaded=True, ssl_context=self.certificate)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()


def main(port: str, keys: str, *certificate: str) -> None:
    logging.disable(logging.CRITICAL)
    secrets: dict[str, str] = json.loads(keys)
    plain = DomainDispatcherApplication(create_backend_app)
    strict = StrictS3(plain, secrets, makes_no_buckets=("LIMITED",))
    trouble = Trouble(strict)
    door = Door(int(port), trouble, certificate or None)
    door.open()
    _answer()
    for line in sys.stdin:
        told = json.loads(line)
        if told["kind"] == "stop":
            trouble.tell({**told, "kind": "gone"})  # connections that are open already
            door.close()
        elif told["kind"] == "start":
            trouble.tell({})
            door.open()
        elif told["kind"] == "accept":
            strict.keys = told["keys"]
        else:
            trouble.tell(told if told["kind"] != "none" else {})
        _answer()


def _answer() -> None:
    sys.stdout.write("{}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
