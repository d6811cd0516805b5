"""Activation codes: made, revoked, redeemed."""

import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from orgs.codes import ALPHABET
from orgs.errors import TooManyRequests
from orgs.keys import digest_of
from orgs.models import ActivationCode, Organization, Redemption
from orgs.services.plans import (
    CodeAlreadyRedeemed,
    CodeExpired,
    CodeForOthers,
    CodeRevoked,
    CodeUnknown,
    CodeUsedUp,
    InvalidCode,
    make_activation_code,
    redeem_code,
    revoke_activation_code,
)
from tests.builders import logged_in, make_operator, make_org, owner_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
TEXT = re.compile(rf"VISANT(-[{ALPHABET}]{{4}}){{3}}")


def make_code(**fields) -> tuple[ActivationCode, str]:
    return make_activation_code(acting_user=None, **{"device_slots": 3, **fields})


def redeem(org: Organization, text: str) -> Redemption:
    return redeem_code(org=org, code=text, acting_user=owner_of(org))


def limits(org: Organization) -> tuple[int | None, datetime | None]:
    return Organization.objects.values_list("device_limit", "trial_ends_at").get(pk=org.pk)


# --- making


def test_a_code_is_easy_to_type_and_kept_as_a_digest_only():
    code, text = make_code(note=" For Ann ", max_uses=2, email_domains=["@Example.org", " acme.example "])
    assert TEXT.fullmatch(text)
    assert not set("01OIL") & set(text.removeprefix("VISANT"))
    code.refresh_from_db()
    assert (code.hint, code.note) == (text[:11], "For Ann")
    assert (code.device_slots, code.free_months, code.trial_days) == (3, 0, 0)
    assert (code.max_uses, code.uses, code.email_domains) == (2, 0, ["example.org", "acme.example"])
    row = str(ActivationCode.objects.values().get())
    assert text not in row
    assert text.replace("-", "") not in row
    assert make_code()[1] != text


def test_the_digest_is_keyed_with_the_pepper(settings):
    code, text = make_code()
    letters = text.replace("-", "")
    assert code.digest == digest_of(letters, code.pepper_id)
    settings.VISANT_KEY_PEPPERS = {**settings.VISANT_KEY_PEPPERS, 99: b"another"}
    assert redeem(make_org(), text).code == code  # made under the old pepper, still good
    assert make_code()[0].pepper_id == 99
    settings.VISANT_KEY_PEPPERS = {99: b"another"}
    with pytest.raises(CodeUnknown):
        redeem(make_org(), text)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"device_slots": 0}, "A code must give something"),
        ({"max_uses": 0}, "A code can be used at least once"),
        ({"max_uses": 1_000_001}, "at most 1,000,000 times"),
        ({"device_slots": -1}, "greater than or equal to 0"),
        ({"device_slots": 100_001}, "at most 100,000 camera slots"),
        ({"free_months": 121}, "less than or equal to 120"),
        ({"trial_days": 3_651}, "at most 3,650 days of trial"),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, "would have expired already"),
        ({"email_domains": ["ann@example.org"]}, "'ann@example.org' is not a domain"),
        ({"email_domains": [""]}, "'' is not a domain"),
        ({"note": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_code_is_refused_with_a_sentence(fields, sentence):
    with pytest.raises(InvalidCode, match=sentence):
        make_code(**fields)
    assert not ActivationCode.objects.exists()


# --- what it gives


def test_slots_are_added_and_the_audit_says_so():
    org = make_org(device_limit=5, time_zone="Europe/Zurich")
    code, text = make_code()
    owner = owner_of(org)
    redemption = redeem_code(org=org, code=text, acting_user=owner)
    assert (limits(org), org.device_limit) == ((8, None), 8)
    assert (redemption.org, redemption.code, redemption.redeemed_by) == (org, code, owner)
    code.refresh_from_db()
    assert code.uses == 1
    entry = org.auditentrys.get(action="plan.code_redeemed")
    assert (entry.before, entry.after) == ({"device_limit": 5}, {"device_limit": 8})
    assert (entry.actor_id, entry.target_id, entry.target_name) == (owner.pk, str(code.pk), f"{code.hint}…")
    assert text not in str(entry.__dict__)


@pytest.mark.parametrize(
    ("ends", "given", "expected"),
    [
        ("2095-01-31", {"free_months": 1}, "2095-02-28"),
        ("2095-12-15", {"free_months": 1}, "2096-01-15"),
        ("2095-12-31", {"free_months": 2}, "2096-02-29"),
        ("2095-03-10", {"free_months": 12}, "2096-03-10"),
        ("2095-03-10", {"trial_days": 30}, "2095-04-09"),
        ("2095-01-31", {"free_months": 1, "trial_days": 2}, "2095-03-02"),
    ],
)
def test_a_trial_that_runs_ends_later(ends, given, expected):
    moment = datetime.fromisoformat(f"{ends}T08:30+00:00")
    org = make_org(trial_ends_at=moment)
    redeem(org, make_code(**given)[1])
    assert limits(org) == (None, datetime.fromisoformat(f"{expected}T08:30+00:00"))
    entry = org.auditentrys.get(action="plan.code_redeemed")
    assert entry.before == {"trial_ends_at": moment.isoformat()}
    assert entry.after == {"trial_ends_at": f"{expected}T08:30:00+00:00"}


def test_a_trial_that_is_over_goes_on_from_now():
    org = make_org(trial_ends_at=datetime(2020, 1, 1, tzinfo=UTC))
    before = timezone.now()
    redeem(org, make_code(trial_days=30)[1])
    assert before + timedelta(days=30) <= limits(org)[1] <= timezone.now() + timedelta(days=30)


def test_what_has_no_limit_has_none_afterwards():
    org = make_org()
    redeem(org, make_code(free_months=3, trial_days=5)[1])
    assert limits(org) == (None, None)
    entry = org.auditentrys.get(action="plan.code_redeemed")
    assert (entry.before, entry.after) == (None, None)


def test_a_code_for_cameras_leaves_the_trial_as_it_is():
    ends = timezone.now() - timedelta(days=1)
    org = make_org(device_limit=1, trial_ends_at=ends)
    redeem(org, make_code()[1])
    assert limits(org) == (4, ends)


@pytest.mark.parametrize("typed", ["{0}", " {0}\n", "{1}", "{2}", "{3}", "{4}"])
def test_how_it_is_typed_does_not_matter(typed):
    org = make_org(device_limit=0)
    _, text = make_code()
    ways = [text, text.lower(), text.replace("-", ""), text.replace("-", " – "), text.removeprefix("VISANT-")]
    redeem(org, typed.format(*ways))
    assert limits(org) == (3, None)


# --- refusals


def refused(org: Organization, text: str, refusal: type[Exception], sentence: str) -> None:
    before = (limits(org), ActivationCode.objects.values_list("uses").first(), Redemption.unscoped.count())
    with pytest.raises(refusal, match=sentence):
        redeem(org, text)
    assert (limits(org), ActivationCode.objects.values_list("uses").first(), Redemption.unscoped.count()) == before


@pytest.mark.parametrize("text", ["", "VISANT", "VISANT-2222-2222-2222", "Ω" * 50])
def test_an_unknown_code_gives_nothing(text):
    make_code()
    refused(make_org(device_limit=5), text, CodeUnknown, "There is no such code")


def test_a_code_is_redeemed_by_an_organization_once():
    org = make_org(device_limit=5)
    _, text = make_code(max_uses=2)
    redeem(org, text)
    refused(org, text.lower(), CodeAlreadyRedeemed, "Your organization has redeemed this code already.")
    other = make_org(device_limit=5)
    redeem(other, text)
    assert (limits(org), limits(other)) == ((8, None), (8, None))


def test_a_code_that_is_used_up_gives_nothing():
    _, text = make_code(max_uses=1)
    redeem(make_org(), text)
    refused(make_org(device_limit=5), text, CodeUsedUp, "as often as it can be")


def test_a_code_that_expired_gives_nothing():
    code, text = make_code(valid_until=timezone.now() + timedelta(days=1))
    ActivationCode.objects.filter(pk=code.pk).update(valid_until=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    refused(make_org(device_limit=5), text, CodeExpired, "valid until 2026-01-02 03:04 UTC")


def test_a_code_that_was_revoked_gives_nothing_and_what_it_gave_stays():
    code, text = make_code(max_uses=2)
    before = make_org(device_limit=5)
    redeem(before, text)
    assert revoke_activation_code(code=code)
    first = code.revoked_at
    assert not revoke_activation_code(code=code)
    assert code.revoked_at == first
    refused(make_org(device_limit=5), text, CodeRevoked, "taken back")
    assert limits(before) == (8, None)


def test_a_code_for_a_domain_asks_for_a_verified_address_of_it():
    org = make_org(device_limit=5)
    owner, (_, text) = owner_of(org), make_code(email_domains=["acme.example"])
    sentence = "for people of acme.example: verify your e-mail address"
    refused(org, text, CodeForOthers, sentence)
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True)
    stranger = owner_of(make_org())
    EmailAddress.objects.create(user=stranger, email="bob@acme.example", verified=True)
    mine = EmailAddress.objects.create(user=owner, email="Ann@ACME.example", verified=False)
    refused(org, text, CodeForOthers, sentence)
    EmailAddress.objects.create(user=owner, email="ann@evil-acme.example", verified=True)
    EmailAddress.objects.create(user=owner, email="ann@acme.example.org", verified=True)
    refused(org, text, CodeForOthers, sentence)
    EmailAddress.objects.filter(pk=mine.pk).update(verified=True)
    redeem(org, text)
    assert limits(org) == (8, None)


def test_who_guesses_has_to_wait_and_nobody_else(settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "secret_account": "3/h"}
    org, other = make_org(device_limit=5), make_org(device_limit=5)
    for _ in range(3):
        refused(org, "VISANT-2222-2222-2222", CodeUnknown, "There is no such code")
    refused(org, "VISANT-2222-2222-2222", TooManyRequests, "Too often")
    refused(other, "VISANT-2222-2222-2222", CodeUnknown, "There is no such code")
    redeem(org, make_code()[1])  # a good one always opens
    assert limits(org) == (8, None)


@pytest.mark.django_db(transaction=True)
def test_two_organizations_do_not_both_take_the_last_use():
    orgs = [make_org(device_limit=5) for _ in range(2)]
    code, text = make_code(max_uses=1)
    answers = at_once(lambda number: redeem(orgs[number], text))
    assert sorted(type(answer) for answer in answers if isinstance(answer, Exception)) == [CodeUsedUp]
    code.refresh_from_db()
    assert (code.uses, Redemption.unscoped.count()) == (1, 1)
    assert sorted(limits(org)[0] for org in orgs) == [5, 8]


@pytest.mark.django_db(transaction=True)
def test_an_organization_does_not_redeem_a_code_twice_at_once():
    org = make_org(device_limit=5)
    code, text = make_code(max_uses=5)
    answers = at_once(lambda _: redeem(org, text))
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [CodeAlreadyRedeemed]
    code.refresh_from_db()
    assert (code.uses, limits(org)) == (1, (8, None))


@pytest.mark.django_db(transaction=True)
def test_two_codes_at_once_are_both_given():
    org = make_org(device_limit=5)
    texts = [make_code()[1] for _ in range(2)]
    at_once(lambda number: redeem(org, texts[number]))
    assert limits(org) == (11, None)


# --- the command


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("make_activation_code", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_code_once():
    printed = run("--camera-slots", "2")
    text = printed.split()[0]
    assert printed == f"{text}  (shown this once)\n"
    org = make_org(device_limit=0)
    redeem(org, text)
    assert limits(org) == (2, None)


def test_programs_read_the_code_as_json():
    printed = json.loads(
        run(
            *("--json", "--free-months", "3", "--trial-days", "4", "--max-uses", "9", "--note", "Fair"),
            *("--valid-until", "2099-01-31", "--email-domain", "a.example", "--email-domain", "b.example"),
        )
    )
    code = ActivationCode.objects.get(pk=printed["id"])
    assert TEXT.fullmatch(printed["code"])
    assert (code.device_slots, code.free_months, code.trial_days, code.max_uses) == (0, 3, 4, 9)
    assert (code.email_domains, code.note, code.created_by) == (["a.example", "b.example"], "Fair", None)
    # The day is meant as a whole.
    assert code.valid_until == datetime(2099, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)


def test_a_moment_with_an_offset_is_taken_as_it_is():
    printed = json.loads(run("--json", "--trial-days", "1", "--valid-until", "2099-01-31T12:00+01:00"))
    code = ActivationCode.objects.get(pk=printed["id"])
    assert code.valid_until == datetime(2099, 1, 31, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "A code must give something"),
        (("--trial-days", "1", "--valid-until", "soon"), "'soon' is not a moment"),
        (("--trial-days", "1", "--valid-until", "2026-02-31"), "'2026-02-31' is not a moment"),
        (("--trial-days", "1", "--valid-until", "2020-01-01"), "would have expired"),
        (("--trial-days", "1", "--email-domain", "nowhere"), "'nowhere' is not a domain"),
    ],
)
def test_the_command_refuses_with_a_sentence(arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)
    assert not ActivationCode.objects.exists()


# --- the admin

FORM = {"device_slots": 2, "free_months": 0, "trial_days": 0, "max_uses": 1, "note": "Fair"}


@pytest.fixture
def operator() -> Client:
    return logged_in(make_operator())


def test_an_operator_makes_a_code_and_sees_it_once(operator):
    form = FORM | {"email_domains": "Acme.example, b.example"}
    page = operator.post("/admin/orgs/activationcode/add/", form, follow=True).content.decode()
    code = ActivationCode.objects.get()
    text = TEXT.search(page)[0]
    assert (code.digest, code.hint) == (digest_of(text.replace("-", ""), code.pepper_id), text[:11])
    assert (code.device_slots, code.email_domains, code.created_by.email) == (
        2,
        ["acme.example", "b.example"],
        "operator@example.org",
    )
    detail = operator.get(f"/admin/orgs/activationcode/{code.pk}/change/").content.decode()
    for page in (detail, operator.get("/admin/orgs/activationcode/").content.decode()):
        assert code.hint in page
        assert text not in page
        assert code.digest not in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"device_slots": 0}, "A code must give something"),
        ({"max_uses": 0}, "A code can be used at least once"),
        ({"email_domains": "nowhere"}, "is not a domain"),
        ({"valid_until_0": "2020-01-01", "valid_until_1": "00:00"}, "would have expired already"),
    ],
)
def test_the_admin_tells_a_refusal_on_the_form(operator, fields, sentence):
    answer = operator.post("/admin/orgs/activationcode/add/", FORM | fields)
    assert (answer.status_code, sentence in answer.content.decode()) == (200, True)
    assert not ActivationCode.objects.exists()


def test_an_operator_revokes_codes_and_the_log_says_so(operator):
    code, text = make_code()
    form = {"action": "revoke", "_selected_action": [code.pk]}
    answer = operator.post("/admin/orgs/activationcode/", form, follow=True)
    assert "Codes revoked: 1." in answer.content.decode()
    refused(make_org(), text, CodeRevoked, "taken back")
    assert "Revoked." in operator.get(f"/admin/orgs/activationcode/{code.pk}/history/").content.decode()
    answer = operator.post("/admin/orgs/activationcode/", form, follow=True)
    assert "Codes revoked: 0." in answer.content.decode()


def test_a_code_is_neither_changed_nor_deleted(operator):
    code, _ = make_code()
    url = f"/admin/orgs/activationcode/{code.pk}"
    assert operator.post(f"{url}/change/", FORM | {"device_slots": 500}).status_code == 403
    assert operator.post(f"{url}/delete/", {"post": "yes"}).status_code == 403
    code.refresh_from_db()
    assert code.device_slots == 3


def test_lists_of_plans_can_be_searched(operator):
    org = make_org("Harbour", device_limit=1)
    code, text = make_code(note="Fair")
    redeem(org, text)
    org.monthlyusages.create(month="2026-03-01", evaluations=4321)
    org.limitwarnings.create(limit="bytes", period="2026-03-01", percent=70)
    for table, word, shown in (
        ("activationcode", "Fair", code.hint),
        ("redemption", org.slug, code.hint),
        ("monthlyusage", org.slug, "4321"),
        ("limitwarning", org.slug, "70"),
    ):
        page = operator.get(f"/admin/orgs/{table}/", {"q": word})
        text = page.content.decode()
        assert (page.status_code, shown in text, "result_list" in text) == (200, True, True), table
        assert "result_list" not in operator.get(f"/admin/orgs/{table}/", {"q": "nowhere"}).content.decode()
