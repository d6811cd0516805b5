"""Who may act for an organization, and what they may give another: never more than they have themselves."""

from datetime import datetime

from django.utils import timezone

from orgs.access import RoleTooSmall
from orgs.errors import Invalid, NotAllowed
from orgs.models import Membership, Organization, Role


class NotAMember(NotAllowed):
    code = "not_a_member"


class MoreThanYourOwn(NotAllowed):
    code = "more_than_your_own"


class EndsTooLate(Invalid):
    code = "ends_too_late"


class EndsInThePast(Invalid):
    code = "ends_in_the_past"


def as_it_is_now(acting: Membership) -> Membership:
    """Lock the organization until the transaction ends, and return the acting membership as it is by then.

    All changes to who may enter an organization wait for one another here. The membership that a request brings
    was read before it waited, and may have been changed or ended by the one it waited for (:class:`NotAMember`).
    """
    org = Organization.objects.select_for_update(no_key=True).get(pk=acting.org_id)
    live = org.memberships.live_at(timezone.now()).select_related("user")
    now: Membership | None = live.filter(pk=acting.pk).first()
    if now is None:
        raise NotAMember("You are not a member of this organization any more.")
    return now


def refuse_no_admin(acting: Membership) -> None:
    if not Role(acting.role).covers(Role.ADMIN):
        raise RoleTooSmall(f"This needs the role {Role.ADMIN}.")


def refuse_larger_role(acting: Membership, role: Role) -> None:
    """Refuse who is no admin, and a role above one's own."""
    refuse_no_admin(acting)
    own = Role(acting.role)
    if not own.covers(role):
        raise MoreThanYourOwn(f"Your role is {own}: it does not reach to the role {role}.")


def refuse_longer(acting: Membership, valid_until: datetime | None) -> None:
    """Refuse a membership that is over already, or that would outlast one's own.

    Else who is an admin until Friday could make a second account of theirs an admin for ever.
    """
    if valid_until is not None and valid_until <= timezone.now():
        raise EndsInThePast("The membership would be over already: choose a day that is still to come.")
    limit = acting.valid_until
    if limit is not None and (valid_until is None or valid_until > limit):
        raise EndsTooLate(
            f"Your own membership ends on {limit:%Y-%m-%d at %H:%M} UTC; another's cannot end later."
        )
