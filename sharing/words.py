"""What a link shows, in words for people."""

from sharing.models import LinkKind, Sampling, ShareLink

KINDS = {
    LinkKind.DEVICE: "the pictures of a camera",
    LinkKind.CAPTURE: "a picture",
    LinkKind.RANGE: "the pictures of a camera between two days",
    LinkKind.LATEST: "the latest picture of a camera",
}

SHARE_TYPES = {
    LinkKind.DEVICE: "device",
    LinkKind.CAPTURE: "capture",
    LinkKind.RANGE: "date_range",
    LinkKind.LATEST: "latest",
}
KINDS_BY_SHARE_TYPE = {word: kind for kind, word in SHARE_TYPES.items()}


def share_type_of(link: ShareLink) -> str:
    """What it shows, in the API's word."""
    return SHARE_TYPES[LinkKind(link.kind)]


def kind_in_words(link: ShareLink) -> str:
    """Of what kind it is; nothing of what it shows."""
    return KINDS[LinkKind(link.kind)]


def shows_in_words(link: ShareLink) -> str:
    """Which pictures it shows, as a phrase without its moments: those are told by the camera's clock."""
    which = {
        LinkKind.DEVICE: "all pictures",
        LinkKind.CAPTURE: "one picture",
        LinkKind.RANGE: "pictures of a span of time",
        LinkKind.LATEST: "the latest picture",
    }[LinkKind(link.kind)]
    are_many = link.kind in (LinkKind.DEVICE, LinkKind.RANGE)
    if link.sampling != Sampling.ALL and are_many:
        which = (
            f"{which.removeprefix('all ')}, one of each {'hour' if link.sampling == Sampling.HOURLY else 'day'}"
        )
    if link.delay_hours:
        which += f", once {'they are' if are_many else 'it is'} {_hours_in_words(link.delay_hours)} old"
    return which


def _hours_in_words(hours: int) -> str:
    """Like “3 hours”; in days where it is whole ones."""
    count, unit = (hours, "hour") if hours % 24 else (hours // 24, "day")
    return f"{count} {unit}{'' if count == 1 else 's'}"
