"""How a line of the log looks: with the id of its request, and without any secret.

The secrets are taken out of the finished line, so it does not matter whether they stood in the message, in its
arguments or in the text of an exception, nor which library wrote them.
"""

import json
import logging
import re
from datetime import UTC, datetime

from orgs import origin

GONE = "…"
# Between the parts of a URL, also of one that stands escaped in another's query.
_SLASH = r"(?:/|%(?:25)*2[fF])"
# One part of a path, its letters perhaps escaped: %41; not what follows it: a slash, a query.
_REST = r"(?:[^\s/?#&\"'<>%]|%(?!(?:25)*(?:2[fF]|3[fF]|26|23)))+"
_SECRETS: list[tuple[re.Pattern[str], str]] = [
    # our keys: kind and prefix may stay, they find the row
    (re.compile(r"\bvis_([a-z]+)_([0-9A-Za-z]{10})_?[0-9A-Za-z]*"), rf"vis_\1_\2_{GONE}"),
    (re.compile(r"\bvis_([a-z]+)_[0-9A-Za-z]+(?!\w*…)"), rf"vis_\1_{GONE}"),
    # JWTs
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"), f"eyJ{GONE}"),
    # activation codes, however they are typed
    (re.compile(r"\b(?:(?i:visant(?:-?[0-9a-z]{4}){3})|VISANT(?:[ +][0-9A-Z]{4}){3})\b"), f"VISANT-{GONE}"),
    # headers: Authorization, X-API-Key, cookies
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w+/=.~-]{8,}"), rf"\1 {GONE}"),
    (
        re.compile(r"(?i)\b((?:http_)?(?:authorization|x[-_]api[-_]key|cookie))(['\"]?\s*[:=]\s*)[^\r\n]+"),
        rf"\1\2{GONE}",
    ),
    (re.compile(r"(?i)\b((?:__Host-)?(?:sessionid|csrftoken))(=|['\"]?:\s*['\"]?)[\w-]+"), rf"\1\2{GONE}"),
    # links that are a key by themselves
    (
        re.compile(
            rf"(?i)({_SLASH}(?:join|s|pictures|password{_SLASH}new|email{_SLASH}verify|share-links){_SLASH}+){_REST}"
        ),
        rf"\1{GONE}",
    ),
    # fields of queries, forms and JSON
    (
        re.compile(
            r"(?i)((?:^|[?&;\s{(,'\"])(?:api_?key|key|token|csrfmiddlewaretoken|access|refresh|secret|invitation"
            r"|x-amz-signature|policy|code|otp|visit|(?:old_?|new_?|current_?)?password\d?)(?:=|['\"]\s*:\s*))(?:'[^']*'|\"[^\"]*\"|[^&\s,}]+)"
        ),
        rf"\1{GONE}",
    ),
    # the password in the address of a database or of Redis
    (re.compile(r"(\w://[^\s:/@]*:)[^\s/@]+@"), rf"\1{GONE}@"),
]


def redacted(text: str) -> str:
    """Return ``text`` without keys, tokens, passwords, cookies and links that open something by themselves."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class LineFormatter(logging.Formatter):
    """``2026-11-20 08:30:00,000 WARNING django.request 0192… Not Found: /nothing``; a dash where no request is."""

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = _request_of(record) or "-"
        return redacted(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``process``, ``message``.

    Where there are any, also ``request_id`` and ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "request_id": _request_of(record),
            # Before they are encoded: a quotation mark that is escaped no longer ends a secret.
            "message": redacted(record.getMessage()),
            "exception": redacted("\n".join(filter(None, (trace, record.stack_info)))),
        }
        return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False)


def _request_of(record: logging.LogRecord) -> str:
    # Django speaks of an answer when its request is over, and hands the request along.
    return origin.current().request_id or getattr(getattr(record, "request", None), "request_id", "")
