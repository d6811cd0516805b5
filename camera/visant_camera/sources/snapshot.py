"""An HTTP snapshot address, as most IP cameras have one."""

from __future__ import annotations

import time
from typing import Optional
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from visant_camera.pictures import Picture, content_type_of, utc_now
from visant_camera.sources.base import NoPicture, Source, SourceError

TIMEOUT = 10.0  # seconds, for the whole snapshot
MAX_BYTES = 32 * 1024 * 1024
CHUNK = 64 * 1024


class SnapshotSource(Source):
    """Fetches one picture per call.

    A user and password in the address are sent as Basic; once the camera asks for Digest, as Digest.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host:
            raise SourceError("The snapshot address must look like http://camera.local/snapshot.jpg.")
        address = f"[{host}]" if ":" in host else host
        self._host = address if port is None else f"{address}:{port}"
        self._url = urlunsplit((parts.scheme, self._host, parts.path, parts.query, ""))
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._session = requests.Session()
        self._auth: Optional[AuthBase] = HTTPBasicAuth(self._user, self._password) if self._user else None

    def __next__(self) -> Picture:
        deadline = time.monotonic() + TIMEOUT
        try:
            with self._get() as response:
                return self._picture(response, deadline)
        # An address (and its query) may hold a password, so the library's own text is not repeated.
        except requests.Timeout:
            raise NoPicture(f"{self._host} did not answer in time") from None
        except requests.RequestException as error:
            raise NoPicture(f"{self._host} cannot be reached ({type(error).__name__})") from None

    def close(self) -> None:
        self._session.close()

    def _get(self) -> requests.Response:
        response = self._session.get(self._url, auth=self._auth, timeout=TIMEOUT, stream=True)
        asked = response.headers.get("WWW-Authenticate", "").lower()
        if response.status_code == 401 and isinstance(self._auth, HTTPBasicAuth) and "digest" in asked:
            response.close()
            self._auth = HTTPDigestAuth(self._user, self._password)
            return self._session.get(self._url, auth=self._auth, timeout=TIMEOUT, stream=True)
        return response

    def _picture(self, response: requests.Response, deadline: float) -> Picture:
        if response.status_code != 200:
            raise NoPicture(f"{self._host} answered {response.status_code}")
        told = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        # Checked before the body is read: a stream (multipart/x-mixed-replace) has no end.
        if not told.startswith("image/"):
            raise NoPicture(f"{self._host} gave {told or 'no content type'}, not a still picture")
        data = self._body(response, deadline)
        content_type = content_type_of(data)
        if content_type is None:
            raise NoPicture(f"{self._host} gave {told} that is not a JPEG, PNG or WebP picture")
        return Picture(data, content_type, utc_now())

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        data = bytearray()
        for chunk in response.iter_content(CHUNK):
            data += chunk
            if len(data) > MAX_BYTES:
                raise NoPicture(f"{self._host} gave more than {MAX_BYTES // 2**20} MB")
            if time.monotonic() > deadline:
                raise NoPicture(f"{self._host} sent its picture too slowly")
        return bytes(data)
