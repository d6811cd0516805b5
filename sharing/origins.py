"""Origins of sites, as a browser compares them (RFC 6454)."""

from collections.abc import Iterable
from urllib.parse import urlsplit


def origins_of(texts: Iterable[str]) -> list[str]:
    """Return the origins that people wrote, each once. Raises ValueError with a sentence for what is none."""
    return sorted({_origin(text.strip()) for text in texts})


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    is_bare = host and parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    # Nothing else may get into a header with what browsers read as more than one origin.
    is_plain = host and host.isascii() and all(char.isalnum() or char in ".-" for char in host)
    if not (is_bare and is_plain and parts.scheme in ("https", "http")):
        raise ValueError(f"{text!r} is no site; one is written like https://www.example.org.")
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
