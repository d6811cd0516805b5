"""``manage.py sendtestemail`` says whether the mail server takes mails, in a sentence."""

import io
import socketserver
import threading

import pytest
from django.core.management import CommandError, call_command

from tests.server import free_port

pytestmark = pytest.mark.once


class MailServer(socketserver.StreamRequestHandler):
    """Speaks SMTP (RFC 5321), and takes mails for example.org."""

    def handle(self) -> None:
        self._answer("220 mail.example.org")
        while command := self.rfile.readline().decode().strip().upper():
            if command == "DATA":
                self._answer("354 Go on")
                while self.rfile.readline() != b".\r\n":
                    pass
            refused = command.startswith("RCPT") and "@EXAMPLE.ORG" not in command
            self._answer("550 No such person" if refused else "250 OK")

    def _answer(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_URL, settings.EMAIL_HOST = "x", "127.0.0.1"
    with socketserver.ThreadingTCPServer((settings.EMAIL_HOST, 0), MailServer) as server:
        settings.EMAIL_PORT = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield
        server.shutdown()


def test_what_was_taken_is_said(mail_server, settings):
    out = io.StringIO()
    call_command("sendtestemail", "you@example.org", stdout=out)
    assert out.getvalue() == f"127.0.0.1 port {settings.EMAIL_PORT} has taken the mail.\n"


def test_what_was_refused_is_said(mail_server):
    with pytest.raises(CommandError, match=r"does not take the mail: .*No such person"):
        call_command("sendtestemail", "you@elsewhere.example")


def test_a_server_that_is_away_is_said(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    with pytest.raises(CommandError, match=r"cannot be reached: .*refused"):
        call_command("sendtestemail", "you@example.org")
