"""What django-allauth tells of by signals only."""

from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.signals import social_account_added
from django.dispatch import receiver

from orgs.services.accounts import record_for_person


@receiver(social_account_added)
def note_connection(sociallogin: SocialLogin, **_: Any) -> None:
    record_for_person("sso.connected", user=sociallogin.user, acting_user=sociallogin.user)
