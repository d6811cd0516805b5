"""Clients that upload without pause: one process, many keep-alive connections, as little Python as possible.

``python bench/load.py PORT CLIENTS SECONDS PICTURE KEY…`` prints one JSON line:
``{"latencies": [seconds…], "errors": {status or word: count}}``.
"""

import json
import selectors
import socket
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

TIMEOUT = 30.0


class Client:
    """One connection: sends a request, waits for the whole answer, sends the next."""

    def __init__(self, port: int, key: str, picture: bytes) -> None:
        self.port, self.key, self.picture = port, key, picture
        self.latencies: list[float] = []
        self.errors: Counter[str] = Counter()
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self) -> None:
        head = (
            f"POST /v1/captures?record_id={uuid.uuid4().hex} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(self.picture)}\r\n\r\n"
        )
        self.received = b""
        self.began = time.perf_counter()
        self.socket.sendall(head.encode() + self.picture)

    def receive(self) -> bool:
        """Read what there is; True when the answer is complete."""
        chunk = self.socket.recv(65536)
        if not chunk:
            self.errors["connection closed"] += 1
            self.connect()
            return True
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < content_length(head):
            return False
        self.latencies.append(time.perf_counter() - self.began)
        status = head[9:12].decode()
        if status != "201":
            self.errors[status] += 1
        return True


def content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def main() -> None:
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    picture, keys = Path(sys.argv[4]).read_bytes(), sys.argv[5:]
    clients = [Client(port, keys[number % len(keys)], picture) for number in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    selector = selectors.DefaultSelector()
    until = time.monotonic() + seconds
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send()
    waiting = len(clients)
    while waiting:
        ready = selector.select(TIMEOUT)
        if not ready:
            break  # whoever still waits has timed out
        for key, _ in ready:
            client = key.data
            if not client.receive():
                continue
            if time.monotonic() < until:
                client.send()
            else:
                selector.unregister(key.fileobj)
                waiting -= 1
    errors = sum((client.errors for client in clients), Counter({"timeout": waiting} if waiting else {}))
    print(json.dumps({"latencies": [t for c in clients for t in c.latencies], "errors": errors}), flush=True)


if __name__ == "__main__":
    main()
