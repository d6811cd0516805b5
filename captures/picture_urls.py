"""URLs by which a picture can be fetched for a while, without showing who one is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from orgs.errors import NotAllowed


class PictureUrlRefused(NotAllowed):
    code = "picture_url_refused"


def picture_url(key: str, *, until: datetime | None = None) -> str:
    """Return a URL for the file ``key`` and no other, made without asking anybody, that ends by ``until``.

    It lives VISANT_PICTURE_URL_SECONDS at most and half of that at least, because it stays the same for half of
    it: a page that is drawn again names the same URLs, and the browser has the pictures already.
    """
    signed_at, ends_at = _life(until)
    if leads_to_bucket():
        bucket: Any = default_storage
        seconds = max(1, int((ends_at - signed_at).total_seconds()))
        url: str = bucket.presigner.url(bucket.full_name(key), signed_at=signed_at, seconds=seconds)
        return url
    ends = int(ends_at.timestamp())
    return reverse("picture", args=[_signer().signature(f"{ends}/{key}"), ends, key])


def signing_window() -> int:
    """A number that changes whenever the URLs of pictures do."""
    return int(_life(None)[0].timestamp())


def leads_to_bucket() -> bool:
    """Whether browsers fetch pictures from the bucket itself; else each comes through Visant."""
    return getattr(default_storage, "is_open_to_browsers", False)


def check_signature(*, signature: str, ends: int, key: str) -> None:
    """Raise :class:`PictureUrlRefused` for what we have not signed, or what has ended."""
    signer = _signer()
    try:
        # Whose fallback keys hold good addresses that were signed before SECRET_KEY was changed.
        signer.unsign(f"{ends}/{key}{signer.sep}{signature}")
    except BadSignature as error:
        raise PictureUrlRefused("This address of a picture is none of ours.") from error
    if datetime.now(UTC).timestamp() >= ends:
        raise PictureUrlRefused("This address of a picture has ended; load the page anew.")


def _signer() -> Signer:
    return Signer(salt="captures.picture_urls")


def _life(until: datetime | None) -> tuple[datetime, datetime]:
    """When the present URLs were signed, and when they end."""
    life = settings.VISANT_PICTURE_URL_SECONDS
    window = life // 2
    now = int(datetime.now(UTC).timestamp())
    signed_at = datetime.fromtimestamp(now - now % window, UTC)
    ends_at = signed_at + timedelta(seconds=life)
    return signed_at, min(ends_at, until) if until else ends_at
