"""Where visitors find what a link shows. In frames of other sites, and for programs, addresses carry the visit."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from captures.models import Capture
from sharing.models import ShareLink

# In place of a cookie, where none comes along.
PARAMETER = "visit"


@dataclass(frozen=True)
class VisitorAddresses:
    """``visit``: the text of the visit, where addresses carry it; else the browser's cookie does."""

    link: ShareLink
    visit: str = ""

    def gallery(self, **query: Any) -> str:
        return self._to("share", query=query)

    def embed(self, **query: Any) -> str:
        return self._to("share-embed", query=query)

    def page(self, capture: Capture) -> str:
        return self._to("share-picture", capture.pk)

    def image(self, capture: Capture) -> str:
        return self._to("share-image", capture.pk)

    def thumbnail(self, capture: Capture) -> str:
        return self._to("share-thumbnail", capture.pk)

    def original(self, capture: Capture) -> str:
        return self._to("share-original", capture.pk)

    @property
    def latest(self) -> str:
        return self._to("share-latest")

    @property
    def preview(self) -> str:
        """For who makes previews of links, and has no visit."""
        return reverse("share-preview", args=[self.link.token])

    @property
    def beacon(self) -> str:
        return self._to("share-view")

    @property
    def report(self) -> str:
        return reverse("share-report", args=[self.link.token])

    def program(self, **query: Any) -> str:
        return self._to("api-share", query=query)

    def _to(self, name: str, *args: object, query: dict[str, Any] | None = None) -> str:
        asked = {key: value for key, value in (query or {}).items() if value}
        if self.visit:
            asked[PARAMETER] = self.visit
        address = reverse(name, args=[self.link.token, *args])
        return f"{address}?{urlencode(asked)}" if asked else address
