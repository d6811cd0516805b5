"""Fragments of pages that are asked for again and again: nothing is sent while nothing about them changed."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render as render_page
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag


def fragment(request: HttpRequest, *, shown: object, render: Callable[[], HttpResponse]) -> HttpResponseBase:
    """What ``render`` makes, under an entity tag of ``shown``: a 304, and nothing rendered, for who has it."""
    etag = quote_etag(hashlib.sha256(repr(shown).encode()).hexdigest())
    answer = get_conditional_response(request, etag=etag)
    if answer is None:
        answer = render()
        answer["ETag"] = etag
    patch_cache_control(answer, private=True, no_cache=True)
    return answer


def small_fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponseBase:
    """The fragment under an entity tag of its text: rendering it costs less than what it shows."""
    page = render_page(request, template, context)
    return fragment(request, shown=page.content, render=lambda: page)
