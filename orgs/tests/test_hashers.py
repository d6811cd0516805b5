"""Passwords that were hashed elsewhere."""

import bcrypt
import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password

# As they are outside of tests, which hash fast.
PRODUCTION = list(settings.PASSWORD_HASHERS)
PASSWORDS = ["correct horse battery", "long " * 20, "ü" * 50]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_bcrypt_hash_from_elsewhere_knows_its_password(settings, password):
    settings.PASSWORD_HASHERS = PRODUCTION
    encoded = "bcrypt$" + bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    anew: list[str] = []
    assert check_password(password, encoded, anew.append)
    assert anew == [password]  # to be hashed by Argon2id
    for wrong in ("x", "x" * 100, "ö" * 50):
        assert not check_password(wrong, encoded)
