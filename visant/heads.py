"""uvicorn's protocol with an end to what may come before a request is complete enough to be answered."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# nginx takes 32 KiB of headers by default. What comes in one piece (up to 256 KiB) is looked at whole.
LARGEST_HEAD_BYTES = 64 * 1024


class BoundedHeads(HttpToolsProtocol):
    """Counts what came since the parser last had something complete: a head, or a piece of a body.

    The parser itself collects header lines, and what follows a body in chunks, without any limit.
    """

    _unfinished = 0

    def data_received(self, data: bytes) -> None:
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > LARGEST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_headers_complete(self) -> None:
        self._unfinished = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unfinished = 0
        super().on_message_complete()
