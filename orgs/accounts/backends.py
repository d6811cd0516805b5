"""How a password opens an account."""

from allauth.account import auth_backends
from django.contrib.auth.base_user import AbstractBaseUser

from orgs.services.users import find_user


class AuthenticationBackend(auth_backends.AuthenticationBackend):
    """django-allauth's, but only the login counts: an address somebody asked to change to opens nothing yet."""

    def _authenticate_by_email(self, email: str, password: str) -> AbstractBaseUser | None:
        person: AbstractBaseUser | None = self._check_password(find_user(email=email), password)
        return person
