"""Which pictures a link that is open keeps from being deleted."""

import pytest
from django.utils import timezone

from captures.models import EvaluationStatus
from sharing.keeping import shown_by_open_links
from sharing.models import LinkKind
from tests.builders import make_capture, make_device, make_link

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def shown(org):
    return set(org.captures.filter(shown_by_open_links(org=org, at=NOW)))


@pytest.fixture
def pictures():
    """Of one camera before, at and after an hour, and one of another camera of the organization."""
    device, _ = make_device()
    other, _ = make_device(device.org)
    return [*(make_capture(device, minutes=minutes) for minutes in (-1, 0, 59, 60)), make_capture(other)]


def test_each_kind_of_link_keeps_what_it_shows(pictures):
    before, first, last, after, _ = pictures
    org = first.org
    assert shown(org) == set()
    make_link(before)
    assert shown(org) == {before}
    make_link(first, LinkKind.RANGE)
    assert shown(org) == {before, first, last}
    make_link(after, LinkKind.DEVICE)
    assert shown(org) == {before, first, last, after}


def test_a_link_to_the_newest_keeps_the_newest_that_was_judged(pictures):
    before, first, last, after, _ = pictures
    make_link(before, LinkKind.LATEST)
    first.org.captures.filter(pk__in=[first.pk, last.pk]).update(
        verdict="normal", evaluation_status=EvaluationStatus.COMPLETED
    )
    assert shown(first.org) == {last, after}
    # A newer verdict whose picture was not kept is nothing that is shown.
    last.org.captures.filter(pk=last.pk).update(storage_key="", sha256="", byte_size=0)
    assert shown(first.org) - {last} == {first, after}


def test_a_link_that_is_over_and_another_organizations_keep_nothing(pictures):
    org = pictures[0].org
    for kind in LinkKind:
        for over in ({"expires_at": NOW}, {"revoked_at": NOW}, {"max_views": 3, "view_count": 3}):
            make_link(pictures[0], kind, **over)
        make_link(make_capture(), kind)
    assert shown(org) == set()
    assert len(shown(make_link(make_capture()).org)) == 1
