"""Addresses of our pages as people outside of a request get them: in mails, and handed over by an operator."""

from typing import Any

from django.conf import settings
from django.urls import reverse


def absolute_url(name: str, *args: Any, **kwargs: Any) -> str:
    """Return the address of the page of that name under ``VISANT_URL``."""
    return str(settings.VISANT_URL + reverse(name, args=args, kwargs=kwargs))
