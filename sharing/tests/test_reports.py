"""A page is reported to the operator, who stops its link or finds it harmless."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orgs.models import AuditEntry
from orgs.services.oversight import InvalidReason
from sharing.models import LinkReport, ShareLink
from sharing.opening import LinkClosed, open_link
from sharing.services.reports import (
    InvalidReport,
    report_link,
    resume_link,
    settle_report,
    suspend_link,
)
from tests.builders import logged_in, make_capture, make_link, make_operator

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LINKS, REPORTS = "admin:sharing_sharelink_changelist", "admin:sharing_linkreport_changelist"


@pytest.fixture
def link():
    return make_link(make_capture(), token="Qx7abcdefghijklmnopqrstuvwxyz012")


def report(link, client=None, **fields):
    return (client or Client()).post(f"/s/{link.token}/report", {"reason": "privacy", **fields})


def told():
    return list(LinkReport.unscoped.order_by("pk").values_list("reason", "text", "email"))


# --- the visitor's side


def test_a_report_takes_a_reason_and_perhaps_words_and_an_address(link):
    page = Client().get(f"/s/{link.token}/report")
    assert page.status_code == 200
    assert "It shows me or my home without my consent" in page.text
    assert "is deleted 90 days after" in page.text
    asked = Client().head(f"/s/{link.token}/report")
    assert (asked.status_code, asked.content) == (200, b"")
    answer = report(link, text=" My garden. ", email="me@example.org")
    assert (answer.status_code, "Thank you" in answer.text) == (200, True)
    assert report(link).status_code == 200
    assert told() == [("privacy", "My garden.", "me@example.org"), ("privacy", "", "")]
    assert {row.org_id for row in LinkReport.unscoped.all()} == {link.org_id}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"reason": ""}, "This field is required."),
        ({"reason": "boring"}, "Select a valid choice."),
        ({"reason": "other"}, "Say what it is."),
        ({"text": "x" * 2001}, "at most 2000 characters"),
        ({"email": "me"}, "Enter a valid email address."),
    ],
)
def test_a_report_that_says_too_little_or_too_much_is_asked_for_again(link, fields, sentence):
    answer = report(link, **fields)
    assert (answer.status_code, told()) == (400, [])
    assert sentence in answer.text


def test_the_service_refuses_by_itself(link):
    for fields in ({"reason": "boring"}, {"reason": "other"}, {"reason": "privacy", "text": "x" * 2001}):
        with pytest.raises(InvalidReport):
            report_link(link=link, **fields)
    assert told() == []


@pytest.mark.parametrize(
    "over",
    [{"expires_at": NOW}, {"revoked_at": NOW}, {"suspended_at": NOW}, {"max_views": 1, "view_count": 1}],
)
def test_what_was_seen_yesterday_can_be_reported_today_and_without_the_password(link, over):
    ShareLink.unscoped.filter(pk=link.pk).update(password_hash="argon2$x", **over)
    page = Client().get(f"/s/{link.token}/report")
    assert (page.status_code, report(link).status_code) == (200, 200)
    assert link.device.name not in page.text
    assert link.org.name not in page.text


def test_of_a_link_that_never_was_there_is_nothing_to_report(link):
    link.token = "nobody-was-given-this"
    assert (Client().get(f"/s/{link.token}/report").status_code, report(link).status_code) == (404, 404)


def test_reports_are_limited_by_address(link, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "share_report_address": "2/h"}
    assert [report(link).status_code for _ in range(3)] == [200, 200, 429]
    assert report(link, reason="").status_code == 400
    assert len(told()) == 2


def test_the_form_has_its_proof_of_origin_and_the_browser_may_give_it(link):
    client = Client(enforce_csrf_checks=True)
    page = client.get(f"/s/{link.token}/report")
    assert report(link, client).status_code == 403
    proof = client.cookies["csrftoken"].value
    assert report(link, client, csrfmiddlewaretoken=proof).status_code == 200
    # By no-referrer a browser would send "Origin: null" with the form.
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert page.headers["Cache-Control"] == "private, no-store"


# --- the operator's side


def state_of(link):
    try:
        open_link(link.token, at=NOW)
    except LinkClosed as closed:
        return closed.state
    return "open"


def test_a_suspended_link_opens_no_more_until_it_is_let_and_its_reports_are_settled(link):
    operator = make_operator()
    reported = report_link(link=link, reason="offensive")
    suspend_link(link=link, acting_user=operator, reason=" It shows a garden. ")
    suspend_link(link=link, acting_user=operator, reason="Again.")
    reported.refresh_from_db()
    assert (state_of(link), reported.settled_at is not None) == ("suspended", True)
    resume_link(link=link, acting_user=operator, reason="It was theirs.")
    resume_link(link=link, acting_user=operator)
    assert state_of(link) == "open"
    entries = AuditEntry.unscoped.filter(action__startswith="share.").order_by("pk")
    assert [(entry.action, entry.reason, entry.target_name) for entry in entries] == [
        ("share.suspended", "It shows a garden.", "Qx7abc…"),
        ("share.resumed", "It was theirs.", "Qx7abc…"),
    ]


def test_nobody_stops_a_link_without_saying_why(link):
    for reason in ("", "  ", "x" * 1001):
        with pytest.raises(InvalidReason):
            suspend_link(link=link, acting_user=make_operator(f"{len(reason)}@example.org"), reason=reason)
    assert state_of(link) == "open"


def test_a_report_is_settled_once(link):
    reported = report_link(link=link, reason="offensive")
    assert [settle_report(report=reported), settle_report(report=reported)] == [True, False]
    assert state_of(link) == "open"


def act(client, page, action, *rows, **fields):
    sent = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return client.post(reverse(page), sent, follow=True).content.decode()


def test_operators_stop_links_and_settle_reports_in_the_admin(link):
    client, harmless = logged_in(make_operator()), make_link(make_capture())
    report(link)
    report(harmless, reason="other", text="I do not like it.")
    assert "2 reports of shared pages" in client.get("/admin/").content.decode()
    assert "Say why" in act(client, LINKS, "suspend", link)
    assert state_of(link) == "open"
    page = act(client, LINKS, "suspend", link, reason="A garden.")
    assert "Suspended: Qx7abc…." in page
    assert "suspended by the operator" in page
    assert "1 report of shared pages" in client.get("/admin/").content.decode()
    assert "Settled: 1." in act(client, REPORTS, "settle", *LinkReport.unscoped.all())
    assert "of shared pages" not in client.get("/admin/").content.decode()
    assert "Suspended no more: Qx7abc…." in act(client, LINKS, "resume", link)
    assert (state_of(link), state_of(harmless)) == ("open", "open")


def test_reports_nobody_looked_at_come_first_with_a_way_to_their_link(link):
    client = logged_in(make_operator())
    for text in ("first", "second", "third"):
        report(link, text=text)
    settle_report(report=LinkReport.unscoped.get(text="third"))
    settle_report(report=LinkReport.unscoped.get(text="first"))
    found = client.get(reverse(REPORTS)).context["cl"].result_list
    assert [row.text for row in found] == ["second", "first", "third"]
    page = client.get(reverse(REPORTS)).content.decode()
    assert reverse("admin:sharing_sharelink_change", args=[link.pk]) in page
    assert link.token not in page


def test_operators_find_links_by_reports_and_by_the_address_that_was_sent_to_them(link):
    client, other = logged_in(make_operator()), make_link(make_capture())
    report(link)
    for query in ({"reported": "yes"}, {"q": f"https://visant.example.org/s/{link.token}/pictures/1"}):
        assert [row.pk for row in client.get(reverse(LINKS), query).context["cl"].result_list] == [link.pk]
    assert other.pk in [row.pk for row in client.get(reverse(LINKS)).context["cl"].result_list]


def test_the_page_of_a_link_has_its_days_and_reports_and_not_its_token(link):
    report(link, text="My garden.")
    Client().post(f"/s/{link.token}/view")
    page = logged_in(make_operator()).get(reverse("admin:sharing_sharelink_change", args=[link.pk]))
    assert "My garden." in page.text
    assert link.token not in page.text
    assert link.days.get().salt not in page.text


def test_an_operator_who_may_only_look_stops_nothing(link):
    operator = make_operator(is_superuser=False)
    operator.user_permissions.set(Permission.objects.filter(codename__in=["view_sharelink", "view_linkreport"]))
    client = logged_in(operator)
    report(link)
    act(client, LINKS, "suspend", link, reason="A garden.")
    act(client, REPORTS, "settle", *LinkReport.unscoped.all())
    assert (state_of(link), LinkReport.unscoped.get().settled_at) == ("open", None)
