"""Reading the environment, strictly: a wrong value stops the start with a sentence."""

import difflib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

PREFIX = "VISANT_"
# The camera client and the tests have variables of their own, which may stand in the same environment.
FOREIGN_PREFIXES = ("VISANT_CAMERA_", "VISANT_TEST_")
# 30/5m: thirty within five minutes
_RATE = re.compile(r"[1-9]\d{0,6}/([1-9]\d{0,3})?[smhd]|off")


def refuse_unknown(environ: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse a variable that begins like ours but that nothing reads: it is a slip of the pen."""
    known = sorted(name for name in known if name.startswith(PREFIX))
    tails = [name.removeprefix(PREFIX) for name in known]
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith(FOREIGN_PREFIXES) or name in known:
            continue
        close = difflib.get_close_matches(name.removeprefix(PREFIX), tails, n=1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else f"allowed are {', '.join(known)}."
        raise ImproperlyConfigured(f"{name} is not a variable of Visant: {hint}")


def read_secret(env: Env, name: str, *, made_in: Path) -> str:
    """Return the secret ``name``: from ``NAME``, from the file ``NAME_FILE``, else made once in ``made_in``."""
    if value := find_secret(env, name):
        return value
    try:
        if not made_in.exists():
            _make_file(made_in)
    except OSError as error:
        raise ImproperlyConfigured(
            f"VISANT_VAR: {made_in.parent} cannot be written ({error.strerror}); it must be a folder of ours."
        ) from error
    return _read_file(made_in, name=name)


def find_secret(env: Env, name: str) -> str:
    """Return the secret ``name``: from ``NAME``, from the file ``NAME_FILE``, else an empty text."""
    value: str = env.str(name, "")
    file: str = env.str(f"{name}_FILE", "")
    if value and file:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: set one of them.")
    return _read_file(Path(file), name=f"{name}_FILE") if file else value


def with_password(prefix: str, url: str, password: str) -> str:
    """Return the ``url`` (``<prefix>_URL``) with the ``password`` (``<prefix>_PASSWORD``) in it, if any."""
    if not password:
        return url
    try:
        parts = urlsplit(url)
        given = parts.password
    except ValueError as error:
        raise ImproperlyConfigured(f"{prefix}_URL is not understood.") from error
    if given:
        raise ImproperlyConfigured(f"{prefix}_PASSWORD is set, and {prefix}_URL has one, too: set one of them.")
    if not parts.hostname and not parts.query:
        raise ImproperlyConfigured(f"{prefix}_PASSWORD is set, but {prefix}_URL names no server.")
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def parse_peppers(text: str) -> dict[int, bytes]:
    """Return the peppers of key digests by their id, the one for new keys last.

    ``text`` is one secret (its id is 1), or ``1:secret,2:secret`` while one replaces another.
    """
    if ":" not in text:
        return {1: text.encode()}
    peppers = {}
    for pair in text.split(","):
        number, _, secret = (part.strip() for part in pair.partition(":"))
        if not number.isdecimal() or len(number) > 4 or int(number) in peppers or not secret:
            raise ImproperlyConfigured(
                "VISANT_KEY_PEPPERS must be like 1:secret,2:secret, each number once and at most 9999."
            )
        peppers[int(number)] = secret.encode()
    return peppers


def parse_networks(name: str, texts: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the addresses and networks that the variable ``name`` lists."""
    try:
        return [ipaddress.ip_network(text.strip(), strict=False) for text in texts]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; it must be like 192.0.2.1,10.0.0.0/8.") from error


def limit_variable(name: str) -> str:
    """Return the variable that sets the rate limit ``name``."""
    return f"{PREFIX}LIMIT_{name.upper()}"


def read_rates(env: Env, defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the rate limits by name, each from its variable, else as in ``defaults``."""
    rates = {name: env.str(limit_variable(name), "") or rate for name, rate in defaults.items()}
    for name, rate in rates.items():
        if not _RATE.fullmatch(rate):
            raise ImproperlyConfigured(
                f"{limit_variable(name)} is {rate!r}; it must be like 30/5m (s, m, h or d), or off."
            )
    return rates


def _read_file(path: Path, *, name: str) -> str:
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{name}: {path} is not a text; it must hold the secret.") from error
    if not value:
        raise ImproperlyConfigured(f"{name}: {path} is empty; it must hold the secret.")
    return value


def _make_file(path: Path) -> None:
    """Write a new secret that only its owner may read. Of two processes that start at once, one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(50) + "\n")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # the other process was first; both now read its secret
    finally:
        draft.unlink()
