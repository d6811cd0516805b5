"""Asking a camera for a picture and seeing it arrive; replacing its key."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from captures.evaluation.services import evaluate_next
from captures.picture_urls import picture_url
from captures.storage import thumbnail_key
from devices.services.commands import take_commands
from tests.browser.test_pages import FAINT_TEXTS, PHONE, SMALL_TARGETS
from tests.builders import make_device, make_jpeg, make_member, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)

SIDEWAYS = """[...document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.ariaLabel)"""


class PlayedCamera:
    """A camera on the other side of HTTP: it asks for commands, and answers when it is told to."""

    def __init__(self, server, device, key: str) -> None:
        self.address = urlsplit(server.url)
        self.device, self.key = device, key
        self.heard = threading.Event()
        self.may_answer = threading.Event()
        self.problems: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "PlayedCamera":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.may_answer.set()
        self._thread.join(timeout=20)

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> dict:
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            self.problems.append(f"{method} {path}: {answer.status}")
            return {}
        return json.loads(text or b"{}")

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            commands = self.ask("GET", f"/v1/devices/{self.device.pk}/commands?wait=0").get("commands", [])
            for command in commands:
                self.heard.set()
                self.may_answer.wait(timeout=20)
                name = command["trigger_id"]
                path = f"/v1/captures?trigger_id={name}&record_id={name}&trigger_label={command['type']}"
                self.ask("POST", path, make_jpeg(5), "image/jpeg")


def test_a_picture_is_asked_for_and_seen_to_arrive(make_page, live_server, settings):
    settings.VISANT_PICTURE_URL_SECONDS = 30 * 24 * 3600  # the addresses of pictures stay the same for half of it
    org = make_org()
    device, key = make_device(org)
    page = make_page(user=make_member(org))
    page.goto(f"/cameras/{device.pk}")
    told = page.locator("#told")
    page.get_by_role("button", name="Take a picture now").press("Enter")
    expect(told).to_contain_text("The camera is told as soon as it listens.")
    with PlayedCamera(live_server, device, key) as camera:
        expect(told).to_contain_text("Told to the camera. Waiting for its picture.")
        assert camera.heard.wait(timeout=20)  # it is told on the page as soon as the answer leaves the server
        camera.may_answer.set()
        expect(told).to_contain_text("The picture has arrived")
        evaluate_next()
        thumbnail = thumbnail_key(only(device).storage_key)
        expect(told.get_by_role("img")).to_have_attribute("src", picture_url(thumbnail))
        page.get_by_text("Lately told").click()
        expect(told.get_by_role("cell", name="Arrived")).to_be_visible()
    assert camera.problems == []
    told.get_by_role("link").first.press("Enter")
    page.wait_for_url(f"**/captures/{only(device).pk}")


def only(device):
    return device.captures.get()


def test_without_scripts_a_picture_is_asked_for_and_the_page_loaded_again(make_page):
    org = make_org()
    device, _ = make_device(org)
    page = make_page(user=owner_of(org), java_script_enabled=False)
    page.goto(f"/cameras/{device.pk}")
    page.get_by_role("button", name="Take a picture now").click()
    expect(page.locator("#told")).to_contain_text("The camera is told as soon as it listens.")
    take_commands(device_id=device.pk, again=True)
    page.reload()
    expect(page.locator("#told")).to_contain_text("Told to the camera.")
    page.get_by_text("Lately told").click()
    expect(page.get_by_role("cell", name="Manual")).to_be_visible()


def test_a_key_is_replaced_with_the_keyboard(make_page):
    org = make_org()
    device, _ = make_device(org)
    page = make_page(user=owner_of(org))
    page.goto(f"/cameras/{device.pk}/settings")
    page.get_by_role("link", name="Replace").press("Enter")
    page.get_by_role("button", name="Replace the key").press("Enter")
    expect(page.get_by_role("region", name="Keys").first).to_contain_text("Not fetched yet")
    assert device.keys.count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_these_pages_are_legible_and_fit_a_phone(make_page, scheme):
    org = make_org()
    device, _ = make_device(org, "A camera with a rather long name, at the second gate of the northern yard")
    page = make_page(user=owner_of(org), color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
    page.goto(f"/cameras/{device.pk}")
    page.get_by_role("button", name="Take a picture now").click()
    page.get_by_text("Lately told").click()
    camera = f"/cameras/{device.pk}"
    rotate = f"{camera}/keys/{device.keys.get().pk}/rotate"
    for address in ("", f"{camera}/settings", f"{camera}/configuration", f"{camera}/keys", rotate):
        if address:
            page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address
        assert page.evaluate(FAINT_TEXTS) == [], address
        assert page.evaluate(SMALL_TARGETS) == [], address
        assert page.evaluate(SIDEWAYS) == [], address
