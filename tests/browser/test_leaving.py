"""An owner takes everything along and has the organization deleted, in a browser."""

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page, expect

from captures.leaving.tasks import delete_due_organizations, make_exports
from orgs.models import Deletion, Organization
from tests.browser.test_pages import FAINT_TEXTS, SMALL_TARGETS
from tests.builders import make_capture, make_device, make_operator, make_org, owner_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def org() -> Organization:
    org = make_org("Northern yard of the Harbour & Sons Company")
    gate, _ = make_device(org, "Gate")
    for minute in range(2):
        make_capture(gate, minutes=minute, verdict="normal")
    return org


@pytest.fixture
def look(tmp_path):
    """Keep a picture of a page, and see that it fits, can be read and can be touched."""

    def look_at(page: Page, name: str) -> None:
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(FAINT_TEXTS) == [], name
        assert page.evaluate(SMALL_TARGETS) == [], name

    return look_at


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (360, "dark")])
def test_an_owner_takes_everything_along_and_has_the_rest_deleted(
    make_page, complaints, org, look, tmp_path, width, scheme
):
    owner = owner_of(org)
    size = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = make_page(user=owner, **size)
    take_everything(page, look, tmp_path / "export.zip")
    have_it_deleted(page, look, org.name)
    Deletion.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    delete_due_organizations()
    assert not Organization.objects.filter(pk=org.pk).exists()
    receipt = next(message for message in mail.outbox if message.subject == "Your organization was deleted")
    assert receipt.to == [owner.email]
    page.goto("/organization/leaving")
    look(page, "afterwards")
    assert ["400" in complaints[0], "403" in complaints[1]] == [True, True]
    complaints.clear()
    operator = make_page(user=make_operator(), **size)
    operator.goto("/admin/orgs/deletion/")
    operator.get_by_role("link", name=str(org.pk)).first.click()
    expect(operator.get_by_text('"captures.capture": 2').last).to_be_visible()
    operator.screenshot(path=tmp_path / "receipt.png", full_page=True)


def take_everything(page: Page, look, path: Path) -> None:
    """Ask for an export; download what a worker made of it."""
    page.goto("/organization")
    page.get_by_role("link", name="Leaving").click()
    look(page, "before")
    page.get_by_role("button", name="Make an export").click()
    expect(page.get_by_text("The export is being made.")).to_be_visible()
    expect(page.get_by_role("button", name="Make an export")).to_have_count(0)
    look(page, "waiting")
    make_exports.func()  # as a worker does that is woken
    page.reload()
    look(page, "ready")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(path)
    originals = [name for name in zipfile.ZipFile(path).namelist() if name.endswith(".jpeg")]
    assert len([name for name in originals if "thumb" not in name]) == 2


def have_it_deleted(page: Page, look, name: str) -> None:
    """Not by a slip; and it can be taken back."""
    field, delete = page.get_by_label("Its name"), page.get_by_role("button", name=f"Delete {name}")
    field.fill("Northern yard")
    delete.click()
    expect(page.get_by_text(f"It is not {name}.")).to_be_visible()
    look(page, "refused")
    field.fill(name)
    delete.click()
    expect(page.get_by_text("It is deleted after")).to_be_visible()
    look(page, "asked")
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("Taken back: the organization stays as it is.")).to_be_visible()
    field.fill(name)
    delete.click()
    expect(page.get_by_text("It is deleted after")).to_be_visible()
