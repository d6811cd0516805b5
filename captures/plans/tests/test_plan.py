"""The plan as people and programs see it."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from captures.evaluation.services import evaluate_next, evaluators
from captures.models import EvaluationStatus
from captures.plans import views
from orgs.limits import GB, month_of
from orgs.models import Organization, Role
from orgs.services.plans import make_activation_code
from tests.builders import (
    logged_in,
    make_capture,
    make_device,
    make_jpeg,
    make_member,
    make_org,
    make_token,
    membership_of,
    owner_of,
)
from tests.problems import refused
from tests.queries import statements_of

pytestmark = pytest.mark.django_db
PAGE, REDEEM, JUDGE = "/organization/plan", "/organization/plan/redeem", "/organization/plan/judge"
API, API_REDEEM = "/v1/orgs/current/plan", "/v1/orgs/current/redeem"
KEPT = {"evaluation_status": EvaluationStatus.SKIPPED, "evaluation_due_at": None, "reason": "Not judged: full."}


@pytest.fixture
def org() -> Organization:
    return make_org(device_limit=5, byte_limit=10 * GB, evaluation_limit=1000)


@pytest.fixture
def owner(org) -> Client:
    return logged_in(owner_of(org))


@pytest.fixture
def calm(settings):
    """The workers ask somebody who finds all normal."""
    settings.VISANT_EVALUATORS = ["captures.evaluation.tests.evaluators.SaysNormal"]
    evaluators.cache_clear()
    yield
    evaluators.cache_clear()


def used(org: Organization, **counts: int) -> None:
    month = month_of(timezone.now())
    org.monthlyusages.create(month=month, **counts)


def text_of(answer) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def program(org: Organization, role: Role = Role.OWNER, **token) -> dict[str, str]:
    """The headers of a program of a member."""
    user = owner_of(org) if role == Role.OWNER else make_member(org, role)
    return {"Authorization": f"Bearer {make_token(membership_of(org, user), **token)[1]}"}


def make_code(**fields) -> str:
    return make_activation_code(acting_user=None, **{"device_slots": 3, **fields})[1]


# --- the promise


def test_over_a_limit_a_picture_is_taken_in_kept_and_shown_but_not_judged_until_there_is_room(calm):
    org = make_org(evaluation_limit=1)
    _, key = make_device(org)
    owner, camera = logged_in(owner_of(org)), {"Authorization": f"Bearer {key}"}

    def hand_in(number: int) -> dict:
        answer = Client().post(
            f"/v1/captures?record_id=r{number}", make_jpeg(number), content_type="image/jpeg", headers=camera
        )
        assert (answer.status_code, answer.json()["image_stored"]) == (201, True)
        evaluate_next()
        return Client().get(f"/v1/captures/r{number}", headers=camera).json()

    first, second = hand_in(1), hand_in(2)
    assert (first["evaluation_status"], first["state"]) == ("completed", "normal")
    sentence = "Not judged: the plan covers 1 evaluation a month."
    facts = (second["evaluation_status"], second["state"], second["reason"], second["thumbnail_stored"])
    assert facts == ("skipped", None, sentence, True)
    kept = Client().get("/v1/captures/r2/image", headers=camera)
    assert (kept.status_code, kept.getvalue()) == (200, make_jpeg(2))
    pk = second["id"]
    for page in ("/", f"/captures/{pk}", "/cameras"):
        assert sentence in text_of(owner.get(page)), page
    assert owner.get(f"/captures/{pk}/thumbnail").status_code == 200

    Organization.objects.filter(pk=org.pk).update(evaluation_limit=10)
    assert "Judge the picture that was not judged" in text_of(owner.get(PAGE))
    assert "To be judged now: 1." in text_of(owner.post(JUDGE, follow=True))
    assert evaluate_next()
    again = Client().get("/v1/captures/r2", headers=camera).json()
    assert (again["evaluation_status"], again["state"], again["reason"]) == ("completed", "normal", "As usual.")
    assert "Judge the" not in text_of(owner.get(PAGE))


# --- the page


def test_the_page_shows_each_limit_and_how_much_of_it_is_used(org, owner):
    make_device(org)
    make_device(make_org())
    used(org, bytes=9_200_000_000, evaluations=1234)
    Organization.objects.filter(pk=org.pk).update(trial_ends_at=timezone.now() + timedelta(days=12, hours=-1))
    page = owner.get(PAGE)
    text = text_of(page)
    assert "Cameras 1 of 5 · 20 %" in text
    assert "Pictures stored 9.2 GB of 10 GB · 92 %" in text
    assert "92 % Nearly used up." in text.replace("  ", " ")
    assert "Evaluations this month 1,234 of 1,000 · 123 %" in text
    assert "Trial 12 days left, until" in text
    assert "New pictures are taken in and kept, but not judged: the plan covers 1,000 evaluations a month." in text
    assert text.count("taken in and kept") == 1
    bars = re.findall(r'<progress value="(\d+)" max="100"', page.content.decode())
    assert bars[:3] == ["20", "92", "100"]
    assert int(bars[3]) > 0  # of a trial, what is left
    assert "style=" not in page.content.decode()


def test_without_limits_the_page_says_so():
    org = make_org()
    used(org, bytes=1_500_000)
    text = text_of(logged_in(owner_of(org)).get(PAGE))
    assert "Cameras 0 of as many as you like" in text
    assert "Pictures stored 1.5 MB of as many as you like" in text
    assert "Trial" not in text


def test_a_trial_that_is_over_says_what_that_means(org, owner):
    Organization.objects.filter(pk=org.pk).update(trial_ends_at=timezone.now() - timedelta(days=1))
    text = text_of(owner.get(PAGE))
    assert "New pictures are taken in and kept, but not judged: the trial ended on" in text
    assert text.count("taken in and kept") == 1
    assert "Trial ended" in text


def test_another_organization_sees_its_own_plan_only(org, owner):
    used(org, evaluations=1_234_567)  # which stands in no name and no address that a page shows
    make_capture(make_device(org)[0], **KEPT)
    text = text_of(logged_in(owner_of(make_org())).get(PAGE))
    assert "1,234,567" in text_of(owner.get(PAGE))
    assert "1,234,567" not in text
    assert "were not judged" not in text
    assert "Evaluations this month 0" in text


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Role.OWNER, (200, 302, 302)),
        (Role.ADMIN, (200, 403, 302)),
        (Role.MEMBER, (403, 403, 403)),
        (Role.VIEWER, (403, 403, 403)),
    ],
)
def test_admins_see_the_plan_and_owners_redeem(org, role, statuses):
    client = logged_in(owner_of(org) if role == Role.OWNER else make_member(org, role))
    answers = client.get(PAGE), client.post(REDEEM, {"code": make_code()}), client.post(JUDGE)
    assert tuple(answer.status_code for answer in answers) == statuses
    if statuses[0] == 200:
        assert (b'name="code"' in answers[0].content) is (role == Role.OWNER)
    assert Organization.objects.get(pk=org.pk).device_limit == (8 if role == Role.OWNER else 5)


def test_nothing_is_changed_by_a_link(org, owner):
    assert [owner.get(url).status_code for url in (REDEEM, JUDGE)] == [405, 405]


def test_who_is_not_logged_in_is_led_to_the_login(client):
    assert [client.get(PAGE).status_code, client.post(REDEEM, {"code": "x"}).status_code] == [302, 302]


def test_an_owner_redeems_a_code(org, owner):
    text = text_of(owner.post(REDEEM, {"code": f" {make_code().lower()} "}, follow=True))
    assert "The code is redeemed." in text
    assert "Cameras 0 of 8" in text


@pytest.mark.parametrize(
    ("code", "status", "sentence"),
    [
        ("VISANT-2222-2222-2222", 400, "There is no such code."),
        ("", 400, "This field is required."),
        ("x" * 61, 400, "at most 60 characters"),
        ("nul\0", 400, "Null characters are not allowed."),
        ("used", 409, "This code was redeemed as often as it can be."),
    ],
)
def test_a_refusal_stands_on_the_page_beside_what_was_typed(org, owner, code, status, sentence):
    if code == "used":
        code = make_code()
        logged_in(owner_of(make_org())).post(REDEEM, {"code": code})
    answer = owner.post(REDEEM, {"code": code})
    assert (answer.status_code, sentence in text_of(answer)) == (status, True)
    assert "Pictures stored" in text_of(answer)
    assert Organization.objects.get(pk=org.pk).device_limit == 5


def test_pictures_left_unjudged_are_counted_no_further_than_one_press_takes(org, owner, monkeypatch):
    monkeypatch.setattr(views, "KEPT_AT_ONCE", 2)
    device, _ = make_device(org)
    for minute in range(2):
        make_capture(device, minutes=minute, **KEPT)
    make_capture(device, minutes=8, evaluation_status=EvaluationStatus.FAILED, evaluation_due_at=None)
    assert "Judge the 2 pictures that were not judged" in text_of(owner.get(PAGE))
    make_capture(device, minutes=9, **KEPT)
    text = text_of(owner.get(PAGE))
    assert "More than 2 pictures came in" in text
    assert "Judge the newest 2 of them" in text


def test_while_a_limit_is_reached_there_is_nothing_to_press(org, owner):
    capture = make_capture(make_device(org)[0], **KEPT)
    used(org, evaluations=1000)
    text = text_of(owner.get(PAGE))
    unjudged = "1 picture came in while a limit was reached, or came with an import, and was not judged."
    assert f"{unjudged} Once there is room" in text
    assert "Judge the" not in text
    assert "The limit is still reached" in text_of(owner.post(JUDGE, follow=True))
    capture.refresh_from_db()
    assert capture.evaluation_status == EvaluationStatus.SKIPPED


def test_the_page_costs_the_same_however_much_there_is(org, owner):
    device, _ = make_device(org)
    make_capture(device, **KEPT)
    few = len(statements_of(lambda: owner.get(PAGE)))
    for minute in range(4):
        make_device(org)
        make_capture(device, minutes=minute + 1, **KEPT)
    assert len(statements_of(lambda: owner.get(PAGE))) == few


# --- the notice on all pages


def notices(client: Client, page: str = "/cameras") -> list[str]:
    found = re.search(
        r'<ul class="notices notices--plan" aria-label="The plan">(.*?)</ul>',
        client.get(page).content.decode(),
        re.S,
    )
    lines = re.findall(r"<li[^>]*>(.*?)</li>", found[1], re.S) if found else []
    return [" ".join(re.sub(r"<[^>]*>", " ", line).split()) for line in lines]


def test_owners_and_admins_are_told_at_the_top_of_pages_and_others_are_not(org, owner):
    used(org, evaluations=950)
    sentence = "950 of 1,000 evaluations of this month are used (95 %). See the plan"
    admin, member, viewer = (logged_in(make_member(org, role)) for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER))
    for page in ("/", "/cameras", "/cameras/add"):
        assert (notices(owner, page), notices(admin, page)) == ([sentence], [sentence]), page
    assert (notices(member), notices(viewer), notices(logged_in(owner_of(make_org())))) == ([], [], [])
    assert notices(owner, PAGE) == []  # it says so itself
    assert (notices(owner, "/account"), notices(owner, "/account/tokens")) == ([], [])


def test_far_from_all_limits_nobody_is_told(org, owner):
    used(org, evaluations=699, bytes=6 * GB)
    assert notices(owner) == []


def test_what_is_judged_again_is_told_no_more(org, owner):
    used(org, evaluations=1000)
    assert "All evaluations of this month are used" in notices(owner)[0]
    Organization.objects.filter(pk=org.pk).update(evaluation_limit=2000)
    assert notices(owner) == []


def test_the_notice_costs_one_query_and_none_where_there_is_nothing_to_tell(org):
    def count(client: Client) -> int:
        return len([sql for sql in statements_of(lambda: client.get("/cameras")) if "orgs_monthlyusage" in sql])

    used(org, evaluations=950)
    owner, member = logged_in(owner_of(org)), logged_in(make_member(org, Role.MEMBER))
    assert (count(owner), count(member), count(logged_in(owner_of(make_org())))) == (1, 0, 0)


# --- for programs


def test_programs_read_the_plan(org, client):
    make_device(org)
    used(org, bytes=5, evaluations=950)
    ends = timezone.now() + timedelta(days=3)
    Organization.objects.filter(pk=org.pk).update(trial_ends_at=ends)
    answer = client.get(API, headers=program(org, Role.ADMIN, access="read"))
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("trial") == {
        "ends_at": ends.isoformat().replace("+00:00", "Z"),
        "days_left": 3,
        "warning": 70,
    }
    assert body == {
        "cameras": {"used": 1, "limit": 5, "percent": 20, "warning": 0},
        "bytes": {"used": 5, "limit": 10 * GB, "percent": 0, "warning": 0},
        "evaluations": {
            "used": 950,
            "limit": 1000,
            "percent": 95,
            "warning": 90,
            "month": month_of(timezone.now()).isoformat(),
        },
        "reason": None,
    }


def test_without_limits_programs_read_null(client):
    body = client.get(API, headers=program(make_org())).json()
    assert body["cameras"] == {"used": 0, "limit": None, "percent": None, "warning": 0}
    assert (body["trial"], body["reason"]) == (None, None)


def test_programs_read_why_pictures_are_not_judged(org, client):
    used(org, evaluations=1000)
    body = client.get(API, headers=program(org)).json()
    assert body["reason"] == "Not judged: the plan covers 1,000 evaluations a month."


def test_a_program_redeems_a_code_and_reads_the_plan_that_follows(org, client):
    answer = client.post(API_REDEEM, {"code": make_code()}, "application/json", headers=program(org))
    assert (answer.status_code, answer.json()["cameras"]["limit"]) == (200, 8)
    entry = org.auditentrys.get(action="plan.code_redeemed")
    assert (entry.actor_id, entry.ip) == (owner_of(org).pk, "127.0.0.1")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"code": "VISANT-2222-2222-2222"}, 400, "code_unknown"),
        ({"code": ""}, 400, "invalid"),
        ({}, 400, "invalid"),
        ([], 400, "invalid"),
        ({"code": ["x"]}, 400, "invalid"),
    ],
)
def test_a_code_that_is_wrong_is_refused_as_a_problem(org, client, body, status, code):
    answer = client.post(API_REDEEM, body, "application/json", headers=program(org))
    assert refused(answer)[:2] == (status, code)


def test_each_refusal_of_a_code_has_a_word_for_programs(org, client):
    headers, once = program(org), make_code(max_uses=1)
    client.post(API_REDEEM, {"code": once}, "application/json", headers=headers)
    codes = {
        once: "code_already_redeemed",
        make_code(email_domains=["elsewhere.example"]): "code_for_other_addresses",
    }
    for text, word in codes.items():
        answer = client.post(API_REDEEM, {"code": text}, "application/json", headers=headers)
        assert refused(answer)[:2] == (409, word)
    other = client.post(API_REDEEM, {"code": once}, "application/json", headers=program(make_org()))
    assert refused(other)[:2] == (409, "code_used_up")


@pytest.mark.parametrize(
    ("role", "reads", "redeems"),
    [(Role.ADMIN, 200, 403), (Role.MEMBER, 403, 403), (Role.VIEWER, 403, 403)],
)
def test_programs_may_what_their_people_may(org, client, role, reads, redeems):
    headers = program(org, role)
    assert client.get(API, headers=headers).status_code == reads
    answer = client.post(API_REDEEM, {"code": make_code()}, "application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (redeems, "role_too_small")


def test_a_read_only_token_redeems_nothing(org, client):
    headers = program(org, access="read")
    answer = client.post(API_REDEEM, {"code": make_code()}, "application/json", headers=headers)
    assert refused(answer)[:2] == (403, "read_only_token")
    assert Organization.objects.get(pk=org.pk).device_limit == 5
