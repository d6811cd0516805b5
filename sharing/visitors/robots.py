"""Who looks at links by itself: previews of messengers, crawlers, scanners. None of them is a visitor."""

import re
from functools import cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from django.http import HttpRequest

from orgs.errors import NotAllowed

# What people run themselves, to fetch a picture or to show it somewhere: they are visitors like a browser.
PROGRAMS = {"http-library", "browser-automation"}
# Nobody who calls themselves at greater length says anything more by it.
LONGEST_AGENT = 400


class RobotRefused(NotAllowed):
    code = "robot_refused"


def refuse_robots(request: HttpRequest) -> None:
    """Raise :class:`RobotRefused` for who would take a view and is no visitor.

    So a preview uses up no view, and nobody looks without one by calling themselves a preview.
    """
    if is_robot(request.headers.get("User-Agent", "")):
        raise RobotRefused("This is for people who look; you call yourself a program that looks by itself.")


def is_robot(agent: str) -> bool:
    """Whether ``agent``, as a request calls itself, is known as one that comes by itself.

    Who says nothing, or passes for a browser, is not told from a visitor.
    """
    return _robots().search(agent[:LONGEST_AGENT]) is not None


@cache
def _robots() -> re.Pattern[str]:
    # Compiled when first asked for: it takes as long as a few requests.
    patterns = [known["pattern"] for known in CRAWLER_USER_AGENTS_DATA if not PROGRAMS & set(known["tags"])]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
