"""The row of a link, and how operators find it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from sharing.models import LinkKind, ShareLink
from tests.builders import make_capture, make_link, make_operator

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("capture", {"capture": None}),
        ("device", {"range_from": NOW, "range_until": NOW + HOUR}),
        ("range", {"range_until": None}),
        ("range", {"range_from": NOW, "range_until": NOW}),
        ("album", {"capture": None}),
    ],
)
def test_a_link_has_what_its_kind_shows_and_nothing_else(kind, fields):
    link = make_link(make_capture(), LinkKind(kind) if kind in LinkKind else LinkKind.DEVICE)
    with pytest.raises(IntegrityError), transaction.atomic():
        ShareLink.unscoped.filter(pk=link.pk).update(kind=kind, **fields)


def test_operators_find_a_link_by_how_its_token_begins_and_never_see_the_whole(client):
    client.force_login(make_operator())
    link = make_link(make_capture(), token="Qx7abcdefghijklmn", password_hash="argon2$secret")
    make_link(make_capture(), token="Zz7abcdefghijklmn")
    pages = [
        client.get(reverse("admin:sharing_sharelink_changelist"), {"q": text}).content.decode()
        for text in ("Qx7ab", str(link.pk), str(link.device_id), link.org.slug)
    ]
    pages.append(client.get(reverse("admin:sharing_sharelink_change", args=[link.pk])).content.decode())
    for page in pages:
        assert "Qx7abc…" in page
        assert "Zz7abc" not in page
        assert link.token not in page
        assert "argon2$secret" not in page
    nothing = client.get(reverse("admin:sharing_sharelink_changelist"), {"q": "x7ab"}).content.decode()
    assert "Qx7abc…" not in nothing
