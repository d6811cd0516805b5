"""A real Chromium against a real server. Whatever the browser complains about fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from orgs.models import User

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",  # Chromium's own sandbox refuses to start for root, as in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

MakePage = Callable[..., Page]
PATIENCE_MILLISECONDS = 10_000


def find_chromium() -> str | None:
    return os.environ.get("VISANT_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a browser makes of a page is no matter of the database; the apps' tests ask for each page on both.

    One browser is started for all.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.once)
            item.add_marker(pytest.mark.xdist_group("browser"))


# Not of the session: while playwright runs, its event loop counts as running, and Django refuses to query the
# database for the tests of all other folders.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium is not installed; VISANT_TEST_CHROMIUM can name another browser of its kind.")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # A page asks for news every two seconds, and four after it got no answer: by itself it is awaited for five.
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complained about: errors of scripts, of loading, of the content security policy."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def make_page(browser, live_server, complaints) -> Iterator[MakePage]:
    """Open a page of its own browser profile; ``user`` is logged in there."""
    contexts = []

    def make(*, user: User | None = None, **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
