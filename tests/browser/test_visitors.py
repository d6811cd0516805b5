"""A link, opened by somebody who has no account: on a phone, in a frame of another site, without scripts."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.contrib.auth.hashers import make_password
from playwright.sync_api import FrameLocator, Page, expect

from sharing.models import LinkKind, ShareLink
from tests.builders import make_capture, make_device, make_link, make_org

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def captures():
    device, _ = make_device(make_org(time_zone="UTC"), "Gate")
    return [make_capture(device, minutes=60 * hour, verdict="normal") for hour in range(4)]


class Site(ThreadingHTTPServer):
    """Somebody else's, with one page: by its address it is another site than the server, which is a localhost."""

    page = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def guarded(capture, **fields) -> ShareLink:
    return make_link(capture, LinkKind.DEVICE, password_hash=make_password("open sesame"), max_views=1, **fields)


def views(link: ShareLink) -> int:
    return ShareLink.unscoped.get(pk=link.pk).view_count


def give_password(place: Page | FrameLocator, password: str) -> None:
    place.get_by_label("Password").fill(password)
    place.get_by_role("button", name="Open").click()


def is_drawn(place: Page | FrameLocator) -> None:
    """Every picture in sight is there, and nothing is wider than the page."""
    pictures = place.get_by_role("img", name="Gate")
    expect(pictures.first).to_be_visible()
    expect(pictures.first).to_have_js_property("complete", True)
    assert pictures.first.evaluate("image => image.naturalWidth") > 0
    assert pictures.first.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_a_link_opens_on_a_phone_by_its_password_and_is_one_view(make_page, captures, complaints):
    link = guarded(captures[0])
    page = make_page(viewport=PHONE)
    page.goto(f"/s/{link.token}")
    give_password(page, "guess")
    expect(page.get_by_role("alert")).to_have_text("That is not the password of this link.")
    assert [text for text in complaints if "403" not in text] == []
    complaints.clear()
    with page.expect_response(lambda answer: answer.url.endswith("/view")) as beacon:
        give_password(page, "open sesame")
    assert beacon.value.status == 204
    expect(page.get_by_role("heading", name="Sunday 1 March 2026")).to_be_visible()
    is_drawn(page)
    page.get_by_role("link", name="15:00").click()
    is_drawn(page)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("img", name="Gate")).to_have_attribute(
        "alt", re.compile(r"Gate \d+, 1 Mar 2026, 14:00, normal")
    )
    assert views(link) == 1
    # Nobody else looks any more, and whoever looks still does.
    other = make_page(viewport=PHONE)
    other.goto(f"/s/{link.token}")
    expect(other.get_by_text("opened as often as it may be")).to_be_visible()
    complaints.clear()
    page.reload()
    is_drawn(page)


def test_a_link_opens_in_a_frame_of_a_site_that_it_names(make_page, captures, complaints, live_server, site):
    link = guarded(captures[0], embed_origins=[site.origin])
    site.page = f"<!doctype html><title>A site</title><iframe src='{live_server.url}/s/{link.token}/embed'>"
    page = make_page(viewport=PHONE)
    page.goto(site.origin)
    frame = page.frame_locator("iframe")
    give_password(frame, "open sesame")
    is_drawn(frame)
    complaints.clear()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="15:00").click()
    is_drawn(opened.value)
    assert views(link) == 1


def test_the_strip_of_days_shows_the_day_that_is_looked_at(make_page, captures):
    for day in range(1, 9):
        make_capture(captures[0].device, minutes=24 * 60 * day, verdict="normal")
    page = make_page(viewport=PHONE)
    page.goto(f"/s/{make_link(captures[0], LinkKind.DEVICE).token}?day=2026-03-02")
    day = page.get_by_role("navigation", name="Days").get_by_role("link", name="Mon 2 Mar")
    expect(day).to_have_attribute("aria-current", "date")
    expect(day).to_be_in_viewport(ratio=1)


def test_a_link_needs_no_script(make_page, captures):
    link = make_link(captures[0], LinkKind.DEVICE)
    page = make_page(viewport=PHONE, java_script_enabled=False)
    page.goto(f"/s/{link.token}")
    page.get_by_role("link", name="15:00").click()
    expect(page.get_by_role("img", name="Gate")).to_be_visible()
    page.get_by_role("link", name="All pictures").click()
    page.get_by_label("Another day").fill("2026-02-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("There is no picture to show before this.")).to_be_visible()
    page.get_by_role("link", name="Newest").click()
    expect(page.get_by_role("link", name="15:00")).to_be_visible()
    assert views(link) == 1
