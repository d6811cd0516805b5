"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id at the cost OWASP recommends: 19 MiB, 2 passes, 1 lane (Password Storage Cheat Sheet).

    Django's default takes 100 MB a hash, which a few logins at once turn into an outage.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
