"""How Visant is reached, and how its mails leave."""

from collections.abc import Iterator
from smtplib import SMTPAuthenticationError, SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection

from visant.doctor.findings import Finding, error, fine, warning

URL, PROXIES, MAIL = "url", "proxies", "mail"
AT_HOME = ("localhost", "127.0.0.1", "::1")


def look_at_url() -> Iterator[Finding]:
    parts = urlsplit(settings.VISANT_URL)
    if parts.hostname in AT_HOME:
        yield warning(
            URL,
            f"VISANT_URL is {settings.VISANT_URL}: links in mails and labels open nothing from elsewhere.",
            "Set it to the address at which people and cameras reach Visant.",
        )
    elif parts.scheme == "http":
        yield warning(
            URL,
            f"VISANT_URL is {settings.VISANT_URL}: keys and passwords go over the line in clear text.",
            "Put a server that ends TLS in front, and set VISANT_URL to https://….",
        )
    else:
        yield fine(URL, f"Visant is at {settings.VISANT_URL}.")


def look_at_proxies() -> Iterator[Finding]:
    if urlsplit(settings.VISANT_URL).scheme != "https":
        yield fine(PROXIES, "None is needed without https.")
    elif not settings.TRUSTED_PROXIES:
        yield error(
            PROXIES,
            "VISANT_URL is https, but no server in front is trusted: all callers seem to be one.",
            "Name the addresses or networks of the servers in front in VISANT_TRUSTED_PROXIES.",
        )
    elif any(network.prefixlen == 0 for network in settings.TRUSTED_PROXIES):
        yield error(
            PROXIES,
            "VISANT_TRUSTED_PROXIES trusts everybody: whoever calls may say which address they come from.",
            "Name only the servers in front.",
        )
    else:
        yield fine(PROXIES, f"Trusted are {', '.join(map(str, settings.TRUSTED_PROXIES))}.")


def look_at_mail() -> Iterator[Finding]:
    if not settings.EMAIL_URL:
        what = "There is no mail server: links are printed to the output of the web server."
        yield warning(MAIL, what, "Set EMAIL_URL, or hand links over yourself (manage.py account_link).")
        return
    where = f"{settings.EMAIL_HOST} port {settings.EMAIL_PORT}"
    try:
        with get_connection(timeout=5):
            pass
    except SMTPAuthenticationError:
        yield error(
            MAIL,
            f"{where} refuses user or password.",
            "Look at both in EMAIL_URL; special characters are %-escaped.",
        )
    except (SMTPException, OSError) as away:
        fix = "Look at host and port in EMAIL_URL (submission:// is 587), and for a firewall in between."
        yield error(MAIL, f"{where} takes no mail: {away}", fix)
    else:
        yield fine(MAIL, f"{where} answers.")
