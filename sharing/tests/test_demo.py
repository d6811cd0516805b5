"""The demo has links, so that sharing can be seen at work."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from sharing.days import days_of
from sharing.demo import ENDED_DAYS_AGO
from sharing.models import LinkDay, ShareLink
from sharing.opening import states_of
from sharing.tests.forms import allow, text_of
from tests.builders import logged_in, make_capture, make_device, make_org, owner_of

pytestmark = pytest.mark.django_db


def share_demo(org) -> dict[str, ShareLink]:
    for path in settings.DEMO_PARTS:
        import_string(path)(org=org)
    return {link.kind: link for link in org.share_links.select_related("org", "device")}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_a_camera_the_latest_and_a_link_that_has_ended_have_views(client, zone):
    org = make_org(time_zone=zone)
    for name in ("Yard", "Back gate", "Loading bay"):
        make_capture(make_device(org, name)[0], verdict="normal")
    now = timezone.now()
    links = share_demo(org)
    states = {link.kind: states_of([link], at=now)[link.pk] for link in links.values()}
    assert states == {"device": "open", "latest": "open", "range": "expired"}
    assert len({link.device_id for link in links.values()}) == 3
    for link in links.values():
        days = days_of(link, at=now)
        assert days.views == link.view_count > 0
        assert all(day.visitors <= day.views for day in days.days)
        assert link.created_at < link.last_viewed_at <= timezone.now()
    assert days_of(links["device"], at=now).days[-1].views > 0
    assert links["range"].expires_at < now - timedelta(days=ENDED_DAYS_AGO - 1)
    assert not LinkDay.unscoped.exclude(salt="").exists()
    assert client.get(f"/s/{links['device'].token}").status_code == 200
    listed = text_of(logged_in(owner_of(org)).get("/sharing"))
    assert listed.index("On the sign at the gate") < listed.index("For the site manager")


def test_it_is_made_once_and_as_long_as_the_organization_allows():
    org = make_org()
    assert share_demo(org) == {}, "without a camera"
    device, _ = make_device(org)
    allow(device, longest_days=3)
    before = {link.pk for link in share_demo(org).values()}
    assert len(before) == 3
    assert org.share_links.filter(expires_at__gt=timezone.now() + timedelta(days=3)).count() == 0
    assert {link.pk for link in share_demo(org).values()} == before
