"""The pages of pictures and of what cameras saw."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from captures.evaluation.services import evaluate_next
from captures.models import Capture, Definition, EvaluationStatus, Label
from captures.picture_urls import picture_url
from captures.views import PAGE_SIZE
from orgs.models import Role
from tests.builders import logged_in, make_capture, make_device, make_member, make_org, owner_of
from tests.queries import statements_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_addresses")]

FAILED = {"evaluation_status": EvaluationStatus.FAILED, "evaluation_due_at": None}


@pytest.fixture
def org():
    return make_org()


@pytest.fixture
def device(org):
    return make_device(org)[0]


@pytest.fixture
def owner(org) -> Client:
    return logged_in(owner_of(org))


def shown(answer) -> list[str]:
    """The ids of the pictures on a page, in order, as far as they are cards."""
    return re.findall(r'<li class="card[^>]*data-key="([^"]+)"', answer.content.decode())


def ids(*captures: Capture) -> list[str]:
    return [str(capture.pk) for capture in captures]


def count_queries(client: Client, url: str, **headers) -> int:
    return len(statements_of(lambda: client.get(url, headers=headers)))


# --- who may see


def test_another_organization_finds_nothing(device):
    capture = make_capture(device, verdict="normal", thumbnail_key="there.jpeg")
    default_storage.save("there.jpeg", ContentFile(b"thumbnail"))
    insider, outsider = logged_in(owner_of(device.org)), logged_in(owner_of(make_org()))
    pages = [
        *(f"/captures/{capture.pk}{tail}" for tail in ("", "/live", "/image", "/thumbnail")),
        *(f"/cameras/{device.pk}{tail}" for tail in ("", "/definition")),
    ]
    for page in pages:
        assert insider.get(page).status_code == 200, page
        answer = outsider.get(page)
        assert answer.status_code == 404, page
        assert device.name not in answer.content.decode()
    for action in (f"/captures/{capture.pk}/label", f"/cameras/{device.pk}/learn-again"):
        assert outsider.post(action, {"verdict": "normal"}).status_code == 404, action
        assert insider.post(action, {"verdict": "normal"}).status_code == 302, action
    assert Label.unscoped.count() == Definition.unscoped.count() == 1


def test_lists_hold_the_organizations_own_rows_only(owner, device):
    mine, theirs = make_capture(device), make_capture()
    for page in ("/", "/live"):
        assert shown(owner.get(page)) == ids(mine), page
    for page in ("/", "/cameras"):
        text = owner.get(page).content.decode()
        assert device.name in text
        assert theirs.device.name not in text
    answer = owner.get(f"/?camera={theirs.device_id}")
    assert (answer.status_code, shown(answer)) == (400, [])


@pytest.mark.parametrize("page", ["/", "/live", "/cameras", "/captures/{capture}", "/captures/{capture}/image"])
def test_who_is_not_logged_in_is_led_to_the_login(client, device, page):
    page = page.format(capture=make_capture(device).pk)
    answer = client.get(page)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={page}")


def test_a_viewer_looks_and_changes_nothing(org, device):
    viewer, capture = logged_in(make_member(org, Role.VIEWER)), make_capture(device, verdict="normal")
    page = viewer.get(f"/captures/{capture.pk}")
    assert page.status_code == 200
    assert b"Use as reference" not in page.content
    assert viewer.get(f"/cameras/{device.pk}").status_code == 200
    assert viewer.post(f"/captures/{capture.pk}/label", {"verdict": "normal"}).status_code == 403
    assert viewer.get(f"/cameras/{device.pk}/definition").status_code == 403
    assert viewer.post(f"/cameras/{device.pk}/learn-again").status_code == 403
    assert not Label.unscoped.exists()
    assert not Definition.unscoped.exists()


def test_a_member_labels_but_does_not_say_what_is_normal(org, device):
    member, capture = logged_in(make_member(org, Role.MEMBER)), make_capture(device, verdict="normal")
    assert member.post(f"/captures/{capture.pk}/label", {"verdict": "normal"}).status_code == 302
    assert member.post(f"/cameras/{device.pk}/definition", {"text": "All."}).status_code == 403
    assert not Definition.unscoped.exists()


def test_pages_allow_no_inline_code_and_nothing_foreign(owner, device):
    capture = make_capture(device, verdict="normal")
    for page in ("/", "/cameras", f"/captures/{capture.pk}", f"/cameras/{device.pk}/definition", "/nowhere"):
        answer = owner.get(page)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy + ";"
        assert "unsafe" not in policy
        text = answer.content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), page
        assert not re.search(r'(src|href)="(https?:)?//', text), page


# --- the timeline


def test_the_timeline_is_newest_first_with_every_state_in_words(owner, device):
    captures = [
        make_capture(device, minutes=0, verdict="normal", reason="As usual."),
        make_capture(device, minutes=1, verdict="abnormal", reason="Change at the <middle>."),
        make_capture(device, minutes=2, verdict="uncertain"),
        make_capture(device, minutes=3, **FAILED, reason="Could not be judged: damaged"),
        make_capture(device, minutes=4, evaluation_status=EvaluationStatus.PROCESSING),
        make_capture(device, minutes=5),
    ]
    answer = owner.get("/")
    assert shown(answer) == ids(*reversed(captures))
    cards = re.findall(r'<li class="card.*?</li>', answer.content.decode(), re.DOTALL)
    words = ["Being judged", "Being judged", "Could not be judged", "Uncertain", "Abnormal", "Normal"]
    assert [re.findall(r"</svg>\s*([\w ]+)</span>", card)[-1] for card in cards] == words
    assert "Change at the &lt;middle&gt;." in cards[4]


def test_days_are_those_of_the_organization(org, device, owner):
    type(org).objects.filter(pk=org.pk).update(time_zone="Pacific/Auckland")
    late = make_capture(device, minutes=-1, verdict="normal")  # 11:59 UTC is 00:59 of the next day there
    early = make_capture(device, minutes=-61, verdict="normal")
    text = owner.get("/").content.decode()
    assert re.findall(r'<section [^>]*data-key="([\d-]+)"', text) == ["2026-03-02", "2026-03-01"]
    assert "00:59:00" in text
    assert shown(owner.get("/?day=2026-03-02")) == ids(late)
    assert shown(owner.get("/?day=2026-03-01")) == ids(early)


def test_filters_narrow_by_camera_and_verdict(owner, org, device):
    other, _ = make_device(org)
    normal = make_capture(device, verdict="normal")
    elsewhere = make_capture(other, minutes=1, verdict="normal")
    failed = make_capture(device, minutes=2, **FAILED)
    pending = make_capture(device, minutes=3)
    assert shown(owner.get(f"/?camera={device.pk}")) == ids(pending, failed, normal)
    assert shown(owner.get("/?verdict=normal")) == ids(elsewhere, normal)
    assert shown(owner.get("/?verdict=unjudged")) == ids(pending, failed)
    assert shown(owner.get(f"/live?verdict=normal&camera={device.pk}")) == ids(normal)


@pytest.mark.parametrize(
    "query", ["verdict=fine", "camera=1", "day=yesterday", "day=0001-01-01", "day=9999-12-31", "cursor=x"]
)
def test_a_filter_that_is_not_understood_is_refused(owner, device, query):
    make_capture(device)
    answer = owner.get(f"/?{query}")
    assert (answer.status_code, shown(answer)) == (400, [])


def test_older_pages_follow_without_gap_and_keep_the_filter(owner, device):
    captures = [make_capture(device, minutes=n, verdict="normal") for n in range(PAGE_SIZE + 2)]
    make_capture(device, minutes=99, verdict="abnormal")
    first = owner.get("/?verdict=normal")
    assert shown(first) == ids(*captures[:1:-1])
    assert b"data-live=" in first.content
    link = re.search(r'rel="next" href="([^"]+)"', first.content.decode())[1].replace("&amp;", "&")
    second = owner.get(link)
    assert shown(second) == ids(captures[1], captures[0])
    assert b"data-live=" not in second.content
    assert b'rel="next"' not in second.content


def test_empty_pages_help(owner, org):
    assert b"Add your first camera" in owner.get("/").content
    assert b"No camera yet" in owner.get("/cameras").content
    device, _ = make_device(org)
    for page in ("/", "/live", f"/cameras/{device.pk}"):
        assert f"{settings.VISANT_URL}/v1/captures".encode() in owner.get(page).content, page
    make_capture(device)
    assert b"Nothing matches" in owner.get("/?verdict=abnormal").content


def test_the_fragment_is_sent_only_when_something_changed(owner, device):
    capture = make_capture(device)
    first = owner.get("/live")
    assert shown(first) == ids(capture)
    assert b"<html" not in first.content
    again = owner.get("/live", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    evaluate_next()
    judged = owner.get("/live", headers={"If-None-Match": first["ETag"]})
    assert judged.status_code == 200
    capture.refresh_from_db()
    assert f'src="{picture_url(capture.thumbnail_key)}"' in judged.text
    make_capture(device, minutes=1)
    assert len(shown(owner.get("/live", headers={"If-None-Match": judged["ETag"]}))) == 2


def test_a_look_for_news_costs_four_queries_however_many_pictures(owner, org, device):
    make_capture(device, verdict="normal")
    unchanged = {"If-None-Match": owner.get("/live")["ETag"]}
    assert count_queries(owner, "/live", **unchanged) == count_queries(owner, "/live") == 4
    for minutes in range(1, 9):
        make_capture(make_device(org)[0], minutes=minutes, verdict="normal")
    assert count_queries(owner, "/live") == 4


def test_lists_take_as_many_queries_for_many_rows_as_for_few(owner, org, device):
    make_capture(device, verdict="normal")
    pages = ("/", "/cameras", f"/cameras/{device.pk}", f"/cameras/{device.pk}/definition")
    few = [count_queries(owner, page) for page in pages]
    for minutes in range(1, 9):
        make_capture(device, minutes=minutes, verdict="normal")
        make_capture(make_device(org)[0], minutes=minutes)
        device.definitions.create(org=org, version=minutes, active=False, created_by=make_member(org))
        device.keys.create(org=org, prefix=f"p{minutes}", digest="-", pepper_id=1)
    assert [count_queries(owner, page) for page in pages] == few
    assert max(few) <= 9


# --- one picture


def test_a_capture_shows_what_is_known_of_it(owner, device):
    capture = make_capture(
        device, verdict="abnormal", score=0.91, reason="Change at the middle.", evaluation_attempts=2,
        trigger_label="door", metadata={"clock_doubt": "it came without an offset and was read as UTC"},
        definition=device.definitions.create(org=device.org, version=3, regions=[[[0, 0.35], [1, 0.35], [1, 1]]]),
    )  # fmt: skip
    calls = {"org": device.org, "provider": "scene", "model": "1", "latency_ms": 41}
    capture.evaluations.create(**calls, attempt=1, error="The network was down.")
    box = {"x": 0.25, "y": 0.5, "width": 0.125, "height": 0.25}
    capture.evaluations.create(**calls, attempt=2, verdict="abnormal", score=0.91, boxes=[box])
    text = owner.get(f"/captures/{capture.pk}").content.decode()
    for said in (
        *("Change at the middle.", "0.91", "door", capture.record_id, "64 × 48", "version 3", "41 ms"),
        *(
            "This moment is doubtful: it came without an offset",
            "The network was down.",
            "1 Mar 2026, 12:00:00 UTC",
        ),
    ):
        assert said in text
    assert text.count('<rect class="mark" x="0.25" y="0.5" width="0.125" height="0.25"/>') == 1
    assert 'points="0,0.35 1,0.35 1,1 "' in text


def test_boxes_of_an_earlier_attempt_are_not_drawn(owner, device):
    capture = make_capture(device, evaluation_attempts=2)
    box = {"x": 0, "y": 0, "width": 1, "height": 1}
    judged = {"org": device.org, "provider": "scene", "model": "1", "verdict": "abnormal", "boxes": [box]}
    capture.evaluations.create(**judged, attempt=1)
    assert b'class="mark"' not in owner.get(f"/captures/{capture.pk}").content


def test_a_capture_leads_to_its_cameras_newer_and_older_one(owner, org, device):
    oldest, middle, newest = (make_capture(device, minutes=2, seed=seed) for seed in (1, 2, 3))  # at one moment
    make_capture(make_device(org)[0], minutes=2)

    def neighbours(capture: Capture) -> tuple[list[str], list[str]]:
        text = owner.get(f"/captures/{capture.pk}").content.decode()
        return re.findall(r'data-newer href="/captures/([^"]+)"', text), re.findall(
            r'data-older href="/captures/([^"]+)"', text
        )

    assert neighbours(oldest) == (ids(middle), [])
    assert neighbours(middle) == (ids(newest), ids(oldest))
    assert neighbours(newest) == ([], ids(middle))


def test_a_page_looks_for_news_while_its_picture_is_being_judged(owner, device):
    capture = make_capture(device)
    live = f'data-live="/captures/{capture.pk}/live"'
    assert live in owner.get(f"/captures/{capture.pk}").content.decode()
    evaluate_next()
    for page in (f"/captures/{capture.pk}", f"/captures/{capture.pk}/live"):
        text = owner.get(page).content.decode()
        assert live not in text
        assert 'data-news="Judged: uncertain."' in text


def test_a_capture_takes_as_many_queries_for_many_evaluations_as_for_few(owner, device):
    capture = make_capture(device, verdict="normal")
    url = f"/captures/{capture.pk}"
    few = count_queries(owner, url)
    owner.post(f"{url}/label", {"verdict": "normal"})
    owner.get(url)  # takes the message
    for attempt in range(1, 6):
        capture.evaluations.create(
            org=device.org, provider="scene", model="1", attempt=attempt, verdict="normal",
            definition=device.definitions.create(org=device.org, version=attempt, active=False),
        )  # fmt: skip
        make_capture(device, minutes=attempt)
    assert count_queries(owner, url) == few <= 8
    assert count_queries(owner, f"{url}/live") <= 6


def test_pictures_and_thumbnails_are_handed_out(owner, device):
    capture = make_capture(device)
    missing = owner.get(f"/captures/{capture.pk}/thumbnail")
    assert missing.status_code == 404
    evaluate_next()
    image, thumbnail = (owner.get(f"/captures/{capture.pk}/{kind}") for kind in ("image", "thumbnail"))
    assert image.getvalue() == default_storage.open(capture.storage_key).read()
    assert thumbnail["Content-Type"] == "image/jpeg"
    assert "private" in image["Cache-Control"]


# --- what people say


@pytest.mark.parametrize(
    ("verdict", "buttons"),
    [
        ("normal", [("normal", "Right"), ("abnormal", "Wrong")]),
        ("abnormal", [("abnormal", "Right"), ("normal", "Wrong")]),
        ("uncertain", [("normal", "It is normal"), ("abnormal", "It is abnormal")]),
        (None, [("normal", "It is normal"), ("abnormal", "It is abnormal")]),
    ],
)
def test_the_buttons_say_what_they_do(owner, device, verdict, buttons):
    capture = make_capture(device, **({"verdict": verdict} if verdict else {}))
    text = owner.get(f"/captures/{capture.pk}").content.decode()
    assert re.findall(r'name="verdict" value="(\w+)">([^<]+)</button>', text) == buttons


def test_a_label_is_kept_and_shown_with_who_and_when(owner, device):
    capture = make_capture(device, verdict="abnormal")
    answer = owner.post(f"/captures/{capture.pk}/label", {"verdict": "normal"})
    assert (answer.status_code, answer["Location"]) == (302, f"/captures/{capture.pk}")
    label = Label.unscoped.get()
    assert (label.verdict, label.reference, label.created_by) == ("normal", True, owner_of(device.org))
    text = owner.get(f"/captures/{capture.pk}").content.decode()
    assert f"{owner_of(device.org)} says it is <strong>normal</strong>, and a <strong>reference</strong>" in text
    assert label.created_at.strftime("%H:%M") in text
    owner.post(f"/captures/{capture.pk}/label", {"verdict": "normal", "reference": "no"})
    assert not Label.unscoped.get().reference
    owner.post(f"/captures/{capture.pk}/label", {"verdict": "normal", "reference": "yes"})
    assert Label.unscoped.get().reference


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"verdict": "splendid"}, "A picture is labelled normal or abnormal."),
        ({"verdict": "abnormal", "reference": "yes"}, "Only a normal picture can be a reference."),
        ({"verdict": "normal", "reference": "yes"}, "on which nothing can be seen cannot be a reference."),
        ({"verdict": "normal", "reference": "maybe"}, "Select a valid choice."),
        ({"reference": "yes"}, "This field is required."),
    ],
)
def test_a_label_that_is_refused_says_why(owner, device, said, refusal):
    capture = make_capture(device, verdict="uncertain", usable=False)
    answer = owner.post(f"/captures/{capture.pk}/label", said)
    assert answer.status_code == 400
    assert refusal in answer.content.decode()
    assert not Label.unscoped.exists()


# --- cameras


def test_cameras_show_what_they_saw_last(owner, org):
    seen, _ = make_device(org, "Seen")
    silent, _ = make_device(org, "Silent")
    make_capture(seen, verdict="abnormal", reason="Long ago.", thumbnail_key="old.jpeg")
    newest = make_capture(seen, minutes=1, verdict="uncertain", reason="Learning, 12 of 20 pictures.")
    seen.status.last_seen_at = timezone.now() - timedelta(hours=2, minutes=1)
    seen.status.save()
    cards = re.findall(r'<li class="card.*?</li>', owner.get("/cameras").content.decode(), re.DOTALL)
    assert ["Learning, 12 of 20 pictures." in card for card in cards] == [True, False]
    assert "Long ago." not in cards[0]
    assert "2\xa0hours" in cards[0]
    assert silent.name in cards[1]
    assert "No picture yet" in cards[1]
    assert "Last seen: never" in cards[1]
    # No thumbnail of the newest: an old picture beside a new verdict would lie, unless the new one is on its way.
    assert "<img" not in cards[0]
    Capture.unscoped.filter(pk=newest.pk).update(verdict=None, evaluation_status=EvaluationStatus.PENDING)
    text = owner.get("/cameras").content.decode()
    assert "<img" in text
    assert "Shown meanwhile: its picture of 1 Mar, 12:00" in text


def test_a_camera_shows_what_is_normal_and_its_settings_the_keys(owner, org, device):
    device.definitions.create(org=org, version=2, text="The gate is closed.", regions=[[[0, 0], [1, 0], [1, 1]]])
    key = device.keys.get()
    key.last_used_at, key.last_used_from = datetime(2026, 3, 1, 8, 15, tzinfo=UTC), "192.0.2.7"
    key.save()
    page = owner.get(f"/cameras/{device.pk}").text
    settings = owner.get(f"/cameras/{device.pk}/settings").text
    for said in ("The gate is closed.", "1 region of interest"):
        assert said in page
    for said in (str(key), "Active", "1 Mar 2026, 08:15", "192.0.2.7"):
        assert said in settings
    assert str(key) not in page
    assert key.digest not in page + settings


# --- what is normal


def test_a_definition_is_saved_as_a_new_version(owner, device):
    url = f"/cameras/{device.pk}/definition"
    sent = {
        "text": "Closed.",
        "regions": "0,35 100,35 100,100 0,100\r\n\r\n0,0 12.5,0 12.5,7.25",
        "ignore_regions": "",
    }
    answer = owner.post(url, sent)
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}")
    definition = Definition.unscoped.get()
    assert (definition.version, definition.text, definition.active) == (1, "Closed.", True)
    assert definition.created_by == owner_of(device.org)
    assert definition.regions == [[[0, 0.35], [1, 0.35], [1, 1], [0, 1]], [[0, 0], [0.125, 0], [0.125, 0.0725]]]
    page = owner.get(url)
    assert page.context["form"]["regions"].value() == "0,35 100,35 100,100 0,100\n0,0 12.5,0 12.5,7.25"
    owner.post(url, {**sent, "text": "Open."})
    assert list(device.definitions.order_by("version").values_list("text", "active")) == [
        ("Closed.", False),
        ("Open.", True),
    ]
    text = owner.get(url).content.decode()
    assert text.index("Version 2") < text.index("Version 1")


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("regions", "0,0 100,0", "Polygon 1 has 2 points; at least 3 are needed."),
        ("regions", "0,0 100,0 100,130", "Polygon 1 leaves the picture"),
        ("ignore_regions", "0,0 100,0 100,100\n0,0 x", "Polygon 2: “x” is no corner"),
        ("ignore_regions", "0,0 1,2,3 5,5", "Polygon 1: “1,2,3” is no corner"),
        ("ignore_regions", "nan,0 100,0 100,100", "must be two numbers"),
        ("regions", "\n".join(["0,0 100,0 100,100"] * 21), "at most 20 are allowed"),
        ("text", "x" * 4001, "at most 4000 characters"),
    ],
)
def test_a_definition_that_is_refused_says_why_and_loses_nothing(owner, device, field, value, refusal):
    sent = {"text": "What I wrote.", "regions": "", "ignore_regions": "0,0 50,0 50,50", field: value}
    answer = owner.post(f"/cameras/{device.pk}/definition", sent)
    assert answer.status_code == 400
    text = answer.content.decode()
    assert refusal in text
    assert "Not saved: something below is not right yet." in text
    for typed in sent.values():
        assert typed in text
    assert not Definition.unscoped.exists()


def test_learning_again_forgets_the_references_and_keeps_the_words(owner, org, device):
    device.definitions.create(org=org, version=1, text="The gate is closed.")
    before = timezone.now()
    answer = owner.post(f"/cameras/{device.pk}/learn-again")
    assert (answer.status_code, answer["Location"]) == (302, f"/cameras/{device.pk}")
    active = device.definitions.get(active=True)
    assert (active.version, active.text) == (2, "The gate is closed.")
    assert active.references_from >= before


def test_an_error_is_shown_without_asking_the_database(owner, device, django_assert_num_queries):
    with django_assert_num_queries(0):  # it may be the database that is down
        answer = owner.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here." in answer.content.decode()


@pytest.mark.parametrize(("role", "seen"), [(Role.VIEWER, False), (Role.MEMBER, False), (Role.ADMIN, True)])
def test_only_admins_see_how_much_a_camera_sends_and_from_where(org, device, role, seen):
    key = device.keys.get()
    device.keys.update(last_used_at=timezone.now(), last_used_from="192.0.2.7")
    device.status.last_seen_at, device.status.last_seen_from = timezone.now(), "192.0.2.8"
    device.status.save()
    member = make_member(org, role)
    page = logged_in(member).get(f"/cameras/{device.pk}").text
    settings = logged_in(member).get(f"/cameras/{device.pk}/settings")
    assert "Last seen" in page
    assert ("192.0.2.8" in page, settings.status_code) == (seen, 200 if seen else 403)
    told = ["192.0.2.7", "Pictures today", "In 30 days", str(key)]
    assert [text in settings.text for text in told] == [seen] * len(told)
    assert [text in page for text in told] == [False] * len(told)
