"""Plans: activation codes made, revoked and redeemed; what is used, counted; owners told of limits."""

import calendar
import logging
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from orgs.absolute import absolute_url
from orgs.audit import record
from orgs.codes import in_capitals, random_letters
from orgs.errors import Conflict, Invalid
from orgs.keys import digest_of, newest_pepper
from orgs.limits import Use, month_of
from orgs.mails import mail_owners
from orgs.models import ActivationCode, LimitWarning, MonthlyUsage, Organization, Redemption, User
from orgs.ratelimits import count_unknown_secret
from orgs.services.validation import validate

logger = logging.getLogger(__name__)

PREFIX = "VISANT"
# Twelve letters are 59 bits.
GROUPS, GROUP_LENGTH = 3, 4
# Beyond is a slip of the finger.
MOST_SLOTS, MOST_DAYS, MOST_USES = 100_000, 3_650, 1_000_000
_DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class InvalidCode(Invalid):
    code = "invalid_code"


class CodeUnknown(Invalid):
    code = "code_unknown"


class CodeRevoked(Conflict):
    code = "code_revoked"


class CodeExpired(Conflict):
    code = "code_expired"


class CodeUsedUp(Conflict):
    code = "code_used_up"


class CodeAlreadyRedeemed(Conflict):
    code = "code_already_redeemed"


class CodeForOthers(Conflict):
    code = "code_for_other_addresses"


def make_activation_code(
    *,
    acting_user: User | None,
    device_slots: int = 0,
    free_months: int = 0,
    trial_days: int = 0,
    max_uses: int = 1,
    valid_until: datetime | None = None,
    email_domains: Sequence[str] = (),
    note: str = "",
) -> tuple[ActivationCode, str]:
    """Make a code and return it with its text, which is shown this once and kept nowhere.

    Raises :class:`InvalidCode`.
    """
    groups = [random_letters(GROUP_LENGTH) for _ in range(GROUPS)]
    text = "-".join([PREFIX, *groups])
    pepper_id = newest_pepper()
    code = ActivationCode(
        digest=digest_of(canonical(text), pepper_id),
        pepper_id=pepper_id,
        hint=f"{PREFIX}-{groups[0]}",
        note=note.strip(),
        device_slots=device_slots,
        free_months=free_months,
        trial_days=trial_days,
        max_uses=max_uses,
        valid_until=valid_until,
        email_domains=[domain.strip().lower().removeprefix("@") for domain in email_domains],
        created_by=acting_user,
    )
    refuse_impossible(code)
    validate(code, InvalidCode)
    code.save(force_insert=True)
    return code, text


def refuse_impossible(code: ActivationCode) -> None:
    """Raise :class:`InvalidCode` for what the fields and constraints of a code cannot say."""
    if not 1 <= code.max_uses <= MOST_USES:
        raise InvalidCode(f"A code can be used at least once, and at most {MOST_USES:,} times.")
    if code.trial_days > MOST_DAYS:
        raise InvalidCode(f"A code gives at most {MOST_DAYS:,} days of trial.")
    if code.device_slots > MOST_SLOTS:
        raise InvalidCode(f"A code gives at most {MOST_SLOTS:,} camera slots.")
    if code.valid_until is not None and code.valid_until <= timezone.now():
        raise InvalidCode("The code would have expired already: choose a moment that is still to come.")
    for domain in code.email_domains:
        if not _DOMAIN.fullmatch(domain):
            raise InvalidCode(f"{domain!r} is not a domain; one is written like example.org.")


def revoke_activation_code(*, code: ActivationCode) -> bool:
    """End a code at once; what it gave stays given. False, and nothing changed, when it had ended before."""
    revoked = ActivationCode.objects.filter(pk=code.pk, revoked_at=None).update(revoked_at=timezone.now())
    code.refresh_from_db(fields=["revoked_at"])
    return bool(revoked)


@transaction.atomic
def redeem_code(*, org: Organization, code: str, acting_user: User) -> Redemption:
    """Give the organization what the code of that text offers: all of it, once.

    Where there is no limit or no end of the trial, there is none afterwards either. A code for some e-mail
    domains asks for an address of one of them that its owner has verified. Raises :class:`CodeUnknown`,
    :class:`CodeRevoked`, :class:`CodeExpired`, :class:`CodeAlreadyRedeemed`, :class:`CodeForOthers` or
    :class:`CodeUsedUp`; who tries unknown ones again and again has to wait (``TooManyRequests``).
    """
    # Lock the organization, so that it neither redeems a code twice nor adds up from what is changing.
    row = Organization.objects.select_for_update(no_key=True).get(pk=org.pk)
    found = _find_code(code, acting_user)
    _refuse_unredeemable(found, row, acting_user)
    # Two organizations cannot both take the last use: the check and the count are one UPDATE.
    usable = ActivationCode.objects.filter(pk=found.pk, revoked_at=None, uses__lt=F("max_uses"))
    if not usable.update(uses=F("uses") + 1):
        raise CodeUsedUp("This code was redeemed as often as it can be.")
    redemption = row.redemptions.create(code=found, redeemed_by=acting_user)
    before, after = _give(row, found, timezone.now())
    # What has no limits stays as it is: then nothing stands in the entry but that it was redeemed.
    record(
        "plan.code_redeemed",
        org=row,
        actor=acting_user,
        target=found,
        before=before or None,
        after=after or None,
    )
    for name in ("device_limit", "trial_ends_at"):
        setattr(org, name, getattr(row, name))
    return redemption


def canonical(text: str) -> str:
    """Return a code as it is digested: in capitals, without spaces and hyphens, its prefix added where missing."""
    letters = in_capitals(text)
    return letters if letters.startswith(PREFIX) else PREFIX + letters


def count_evaluation(*, org_id: UUID, at: datetime) -> None:
    """Count one judged picture for the organization's month, as a part of the transaction that records it."""
    month = month_of(at)
    usage = MonthlyUsage.unscoped.filter(org=org_id, month=month)
    if not usage.update(evaluations=F("evaluations") + 1):
        # The month's first. Another may be first, too: then its row stays, and both are counted in it.
        MonthlyUsage.unscoped.bulk_create([MonthlyUsage(org_id=org_id, month=month)], ignore_conflicts=True)
        usage.update(evaluations=F("evaluations") + 1)


def count_deleted_bytes(*, org_id: UUID, month: date, size: int) -> None:
    """Take deleted bytes out of the month they came in, as a part of the transaction that deletes them."""
    usage = MonthlyUsage.unscoped.filter(org=org_id, month=month)
    if not usage.update(bytes=F("bytes") - size):
        # Not counted yet, or imported: what is counted later adds up with it.
        MonthlyUsage.unscoped.bulk_create([MonthlyUsage(org_id=org_id, month=month)], ignore_conflicts=True)
        usage.update(bytes=F("bytes") - size)


@transaction.atomic
def warn_owners(*, org: Organization, use: Use) -> bool:
    """Tell the owners by mail that a level is reached; False when they were told of it before.

    The row is there first, so that of several at once one tells. When the mail cannot be sent the row goes
    again, and it is tried at the next turn.
    """
    warning, is_new = org.limitwarnings.get_or_create(limit=use.limit, period=use.period, percent=use.level)
    if is_new:
        transaction.on_commit(partial(_mail_owners, org, use, warning))
    return is_new


def _find_code(text: str, user: User) -> ActivationCode:
    digests = [digest_of(canonical(text), pepper_id) for pepper_id in settings.VISANT_KEY_PEPPERS]
    found = ActivationCode.objects.filter(digest__in=digests).first()
    if found is None:
        count_unknown_secret(str(user.pk))
        raise CodeUnknown("There is no such code. Was it copied whole?")
    return found


def _refuse_unredeemable(code: ActivationCode, org: Organization, user: User) -> None:
    if code.revoked_at is not None:
        raise CodeRevoked("This code was taken back.")
    if code.valid_until is not None and code.valid_until <= timezone.now():
        raise CodeExpired(f"This code was valid until {code.valid_until:%Y-%m-%d %H:%M} UTC.")
    if org.redemptions.filter(code=code).exists():
        raise CodeAlreadyRedeemed("Your organization has redeemed this code already.")
    if code.email_domains and not _has_verified_address(user, code.email_domains):
        domains = ", ".join(code.email_domains)
        raise CodeForOthers(f"This code is for people of {domains}: verify your e-mail address there first.")


def _has_verified_address(user: User, domains: Sequence[str]) -> bool:
    addresses = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return any(address.lower().rpartition("@")[2] in domains for address in addresses)


def _give(org: Organization, code: ActivationCode, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write what the code gives; return what changed, before and after."""
    given: dict[str, Any] = {}
    if org.device_limit is not None and code.device_slots:
        given["device_limit"] = org.device_limit + code.device_slots
    if org.trial_ends_at is not None and (code.free_months or code.trial_days):
        starts = max(org.trial_ends_at, now)
        given["trial_ends_at"] = _months_later(starts, code.free_months) + timedelta(days=code.trial_days)
    before = {name: getattr(org, name) for name in given}
    for name, value in given.items():
        setattr(org, name, value)
    if given:
        org.save(update_fields=list(given))
    return before, given


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day of a later month, or that month's last day where it is shorter."""
    moment = moment.astimezone(UTC)
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _mail_owners(org: Organization, use: Use, warning: LimitWarning) -> None:
    context = {"org": org, "use": use, "link": absolute_url("plan")}
    text = render_to_string("orgs/mail/limit_warning.txt", context)
    try:
        mail_owners(org, subject=f"{org}: {use.sentence}", text=text)
    except OSError:
        logger.exception("The owners of %s could not be told of a limit; it is tried again.", org.slug)
        org.limitwarnings.filter(pk=warning.pk).delete()
