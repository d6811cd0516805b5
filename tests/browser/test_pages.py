"""What people see and do, in a browser."""

import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from captures.evaluation.services import evaluate_next
from captures.models import Capture, Definition, Evaluation, EvaluationStatus, Label
from tests.builders import PASSWORD, make_capture, make_device, make_jpeg, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 360, "height": 740}


def send(server, key: str, seed: int) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "image/jpeg"}
    request = urllib.request.Request(f"{server.url}/v1/captures", make_jpeg(seed), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201


def make_abnormal(device, **when) -> Capture:
    capture = make_capture(
        device, verdict="abnormal", score=0.9, reason="Change at the middle.", evaluation_attempts=1, **when
    )
    Evaluation.unscoped.create(
        org_id=capture.org_id,
        capture=capture,
        attempt=1,
        provider="scene",
        model="1",
        verdict="abnormal",
        boxes=[{"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}],
    )
    return capture


def drawn_at(page: Page, x: float, y: float) -> None:
    page.locator("[data-canvas]").scroll_into_view_if_needed()
    frame = page.locator("[data-canvas]").bounding_box()
    page.mouse.click(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])


def test_a_person_logs_in_and_out(make_page):
    org = make_org()
    page = make_page()
    page.goto("/")
    page.get_by_label("E-mail address").fill(owner_of(org).email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.get_by_role("heading", name="Add your first camera")).to_be_visible()
    page.get_by_text(org.name).first.click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_picture_appears_without_reload_and_then_its_verdict(make_page, live_server):
    org = make_org()
    _, key = make_device(org, "Gate")
    page = make_page(user=owner_of(org))
    page.goto("/")
    expect(page.get_by_role("heading", name="Waiting for the first picture")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    send(live_server, key, seed=1)
    card = page.locator(".timeline li")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("Being judged")
    expect(page.locator("[data-live-news]")).to_have_text("1 new picture.")
    card.locator("a").focus()
    assert evaluate_next()
    expect(card).to_contain_text("Uncertain")
    expect(card).to_contain_text("Learning, 0 of 20")
    expect(card.locator("img")).to_have_js_property("complete", True)
    expect(card.locator("a")).to_be_focused()
    send(live_server, key, seed=2)
    expect(card).to_have_count(2)
    expect(card.first).to_contain_text("Being judged")
    assert page.evaluate("window.sameDocument")


def test_a_page_that_cannot_be_kept_up_to_date_says_so(make_page, live_server, complaints):
    org = make_org()
    make_capture(make_device(org)[0])
    page = make_page(user=owner_of(org))
    page.goto("/")
    page.route("**/live*", lambda route: route.abort())
    expect(page.locator("[data-live-trouble]")).to_be_visible()
    page.unroute("**/live*")
    expect(page.locator("[data-live-trouble]")).to_be_hidden()
    assert set(complaints) == {"Failed to load resource: net::ERR_FAILED"}
    complaints.clear()


def test_who_was_logged_out_elsewhere_is_led_to_the_login(make_page):
    org = make_org()
    make_capture(make_device(org)[0])
    page = make_page(user=owner_of(org))
    page.goto("/?verdict=unjudged")
    page.context.clear_cookies()
    page.wait_for_url("**/login?next=**")
    assert "verdict%3Dunjudged" in page.url


def test_a_picture_being_judged_shows_its_verdict_by_itself(make_page):
    org = make_org()
    capture = make_capture(make_device(org)[0])
    page = make_page(user=owner_of(org))
    page.goto(f"/captures/{capture.pk}")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("Being judged")
    expect(page.get_by_role("button", name="It is normal")).to_be_visible()
    assert evaluate_next()
    expect(verdict).to_contain_text("Uncertain")
    expect(page.get_by_role("region", name="How it was judged").first).to_contain_text("scene")
    expect(page.locator("[data-live-news]")).to_have_text("Judged: uncertain.")
    expect(page.locator("article[data-live]")).to_have_count(0)


def test_boxes_lie_over_the_picture_and_can_be_hidden(make_page):
    org = make_org()
    capture = make_abnormal(make_device(org)[0])
    page = make_page(user=owner_of(org))
    page.goto(f"/captures/{capture.pk}")
    picture, box = page.locator(".picture img").bounding_box(), page.locator(".mark").bounding_box()
    assert box["width"] == pytest.approx(picture["width"] / 2, abs=4)
    assert box["x"] == pytest.approx(picture["x"] + picture["width"] / 4, abs=4)
    assert box["y"] == pytest.approx(picture["y"] + picture["height"] / 4, abs=4)
    page.get_by_label("Show boxes and regions").press("Space")
    expect(page.locator(".mark")).to_be_hidden()


def test_a_wrong_verdict_is_marked(make_page):
    org = make_org()
    capture = make_abnormal(make_device(org)[0])
    page = make_page(user=owner_of(org))
    page.goto(f"/captures/{capture.pk}")
    page.get_by_role("button", name="Wrong").click()
    expect(page.get_by_text("says it is normal")).to_be_visible()
    label = Label.unscoped.get()
    assert (label.verdict, label.reference, label.created_by) == ("normal", True, owner_of(org))
    page.get_by_role("button", name="No longer a reference").click()
    expect(page.get_by_role("button", name="Use as reference")).to_be_visible()
    assert not Label.unscoped.get().reference


def test_a_camera_is_added_and_its_key_shown_once(make_page, live_server):
    org = make_org()
    page = make_page(user=owner_of(org), permissions=["clipboard-read", "clipboard-write"])
    page.goto("/cameras")
    page.get_by_role("link", name="Add a camera").click()
    page.get_by_label("Name").fill("Yard")
    page.keyboard.press("Enter")
    key = page.locator("#key").inner_text()
    assert re.fullmatch(r"vis_dev_\w+", key)
    assert key not in page.url
    page.get_by_role("button", name="Copy Key").click()
    expect(page.get_by_role("button", name="Copied Key")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    send(live_server, key, seed=1)
    page.get_by_role("link", name="Done").click()
    expect(page.locator(".timeline li")).to_contain_text("Yard")
    page.goto(f"/cameras/{org.devices.get().pk}")
    expect(page.get_by_role("heading", name="Yard")).to_be_visible()
    assert key not in page.content()


def test_a_key_is_revoked_with_the_keyboard(make_page):
    org = make_org()
    device, _ = make_device(org)
    page = make_page(user=owner_of(org))
    page.goto(f"/cameras/{device.pk}/settings")
    page.get_by_role("link", name="Revoke").press("Enter")
    page.get_by_role("button", name="Revoke the key").press("Enter")
    expect(page.get_by_role("region", name="Keys").first).to_contain_text("Revoked")
    assert device.keys.get().state == "revoked"


def test_regions_are_drawn_with_the_mouse(make_page):
    org = make_org()
    device, _ = make_device(org)
    make_capture(device, verdict="normal")
    page = make_page(user=owner_of(org))
    page.goto(f"/cameras/{device.pk}/definition")
    for corner in [(0.1, 0.5), (0.9, 0.5), (0.9, 0.9), (0.3, 0.3)]:
        drawn_at(page, *corner)
    page.get_by_role("button", name="Undo").click()
    drawn_at(page, 0.1, 0.5)  # the first corner again closes the shape
    expect(page.locator("[data-canvas] polygon.region")).to_have_count(1)
    page.get_by_label("Ignore this").check()
    for corner in [(0.2, 0.1), (0.4, 0.1), (0.4, 0.2)]:
        drawn_at(page, *corner)
    page.get_by_role("button", name="Close the shape").click()
    expect(page.locator("[data-canvas] polygon.region--ignored")).to_have_count(1)
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    definition = Definition.unscoped.get()
    drawn = [
        [[pytest.approx(part, abs=0.01) for part in corner] for corner in [(0.1, 0.5), (0.9, 0.5), (0.9, 0.9)]]
    ]
    assert definition.regions == drawn
    assert [len(polygon) for polygon in definition.ignore_regions] == [3]


def test_regions_are_typed(make_page):
    org = make_org()
    device, _ = make_device(org)
    make_capture(device, verdict="normal")
    page = make_page(user=owner_of(org))
    page.goto(f"/cameras/{device.pk}/definition")
    page.get_by_label("In words").fill("The gate is closed.")
    page.get_by_label("Regions of interest").press_sequentially("0,35 100,35 100,100 0,100")
    expect(page.locator("[data-canvas] polygon.region")).to_have_count(1)
    page.get_by_role("button", name="Save as a new version").press("Enter")
    expect(page.get_by_text("The gate is closed.")).to_be_visible()
    assert Definition.unscoped.get().regions == [[[0, 0.35], [1, 0.35], [1, 1], [0, 1]]]


def test_without_scripts_filters_and_regions_work(make_page):
    org = make_org()
    device, _ = make_device(org)
    make_capture(device, verdict="normal")
    make_abnormal(device, minutes=1)
    page = make_page(user=owner_of(org), java_script_enabled=False)
    page.goto("/")
    page.get_by_label("Verdict").select_option("Abnormal")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".timeline li")).to_have_count(1)
    page.goto(f"/cameras/{device.pk}/definition")
    page.get_by_label("Ignored").fill("0,0 50,0 50,50")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("1 ignored")).to_be_visible()


def test_the_keyboard_goes_from_picture_to_picture(make_page):
    org = make_org()
    device, _ = make_device(org)
    older, middle, newest = (make_capture(device, minutes=minutes, verdict="normal") for minutes in (0, 1, 2))
    page = make_page(user=owner_of(org))
    page.goto("/")
    links = page.locator(".timeline li a")
    page.keyboard.press("j")
    expect(page.locator(":focus")).to_have_count(0)  # letters wait until a card has the focus
    page.keyboard.press("ArrowRight")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("ArrowRight")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/captures/{middle.pk}")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/captures/{older.pk}")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/captures/{middle.pk}")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/captures/{newest.pk}")


def test_the_first_tab_leads_past_the_navigation(make_page):
    page = make_page(user=owner_of(make_org()))
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


# Texts whose contrast with the ground they stand on is below what WCAG 2.2 asks (1.4.3).
FAINT_TEXTS = """
() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const groundOf = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = numbers(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [luminance(numbers(getComputedStyle(element).color)), luminance(groundOf(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.className} ${element.textContent.trim()}`);
  }
  return faint;
}
"""
SMALL_TARGETS = """
() => [...document.querySelectorAll("main button, main input:not([type=hidden]), nav a, main .button, summary")]
  .filter((e) => e.checkVisibility() && !e.closest("label"))
  .map((e) => [e.getBoundingClientRect(), e])
  .filter(([box]) => box.width < 24 || box.height < 24)
  .map(([box, e]) => `${e.outerHTML.slice(0, 80)} ${box.width}x${box.height}`)
"""


def visit_all(page: Page, org) -> list[str]:
    """Make what is shown nowhere by itself, and return the addresses of all pages."""
    device, _ = make_device(org, "A camera with a rather long name, at the second gate of the northern yard")
    make_device(org, "Silent")
    settled = make_abnormal(device, metadata={"clock_doubt": "it came without an offset and was read as UTC"})
    make_capture(device, minutes=1, verdict="normal", reason="As usual.")
    make_capture(device, minutes=2, verdict="uncertain", reason="Learning, 1 of 20 pictures.")
    make_capture(device, minutes=3)
    failed = {"evaluation_status": EvaluationStatus.FAILED, "evaluation_due_at": None}
    make_capture(device, minutes=4, reason="Could not be judged: unreadable", **failed)
    device.definitions.create(org=org, version=1, text="The gate is closed.", regions=[[[0, 0], [1, 0], [1, 1]]])
    camera = f"/cameras/{device.pk}"
    revoke = f"{camera}/keys/{device.keys.get().pk}/revoke"
    return [
        *("/", "/?day=1999-01-01", f"/captures/{settled.pk}", "/cameras", "/cameras/add"),
        *(camera, f"{camera}/definition", f"{camera}/rename", revoke),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_legible_and_fits_a_phone(make_page, scheme):
    org = make_org()
    page = make_page(user=owner_of(org), color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
    for address in visit_all(page, org):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address
        assert page.evaluate(FAINT_TEXTS) == [], address
        assert page.evaluate(SMALL_TARGETS) == [], address
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == {"light": "rgb(245, 246, 248)", "dark": "rgb(14, 17, 22)"}[scheme]


def test_what_is_not_there_is_said_on_a_page_that_fits_a_phone(make_page, complaints):
    page = make_page(user=owner_of(make_org()), viewport=PHONE)
    page.goto("/captures/01890000-0000-7000-8000-000000000000")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert ["404" in complaint for complaint in complaints] == [True]
    complaints.clear()
