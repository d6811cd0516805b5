"""What ``manage.py check --deploy`` looks at beyond Django's own checks."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks


def check_trusted_proxies(app_configs: Any, **kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Behind a server that ends TLS and is not trusted, all callers seem to be one, and none to use https."""
    if settings.VISANT_URL.startswith("https:") and not settings.TRUSTED_PROXIES:
        return [
            checks.Warning(
                "VISANT_URL is https, but VISANT_TRUSTED_PROXIES names no server that ends TLS.",
                hint="HSTS is not sent then, and all callers share the rate limits of that server's address.",
                id="visant.W001",
            )
        ]
    return []
