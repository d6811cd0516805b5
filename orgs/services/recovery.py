"""Accounts that come into the hands of whose address they name."""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from orgs.models import User
from orgs.services.accounts import (
    has_second_factor,
    record_for_person,
    remove_second_factor,
    revoke_personal_tokens,
)
from orgs.services.addresses import forget_claims


@transaction.atomic
def claim_account(*, user: User) -> None:
    """Give the account to who has just shown that its address is theirs. Where that was known, nothing changes.

    Whoever made it may have been somebody else: nothing they set up opens it any more, neither password, second
    factor, personal tokens, logins, other single sign-on, nor a link to another address.
    """
    # Renewals of logins wait for this lock.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True).exists():
        return
    user.set_unusable_password()
    user.save(update_fields=["password"])
    record_for_person("password.removed", user=user, acting_user=user)
    if has_second_factor(user):
        remove_second_factor(user=user, acting_user=user)
    if SocialAccount.objects.filter(user_id=user.pk).delete()[0]:
        record_for_person("sso.disconnected", user=user, acting_user=user)
    revoke_personal_tokens(user=user, acting_user=user)
    refresh_tokens = OutstandingToken.objects.filter(user_id=user.pk, blacklistedtoken=None)
    BlacklistedToken.objects.bulk_create(BlacklistedToken(token=token) for token in refresh_tokens)
    forget_claims(email=user.email)
    EmailAddress.objects.filter(user_id=user.pk).delete()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
