"""How passwords are hashed."""

import bcrypt
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id at the cost OWASP recommends: 19 MiB, 2 passes, 1 lane (Password Storage Cheat Sheet).

    Django's default takes 100 MB a hash, which a few logins at once turn into an outage.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


class BcryptHasher(BCryptPasswordHasher):
    """bcrypt as it was everywhere: of a longer password the first 72 bytes count.

    The library refuses longer ones since its version 5: trying one would be a crash, not a wrong password.
    """

    def encode(self, password: str, salt: str | bytes) -> str:
        salt = salt.encode() if isinstance(salt, str) else salt
        return f"{self.algorithm}${bcrypt.hashpw(password.encode()[:72], salt).decode()}"
