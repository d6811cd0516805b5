"""Pages of a person's own API tokens for the organization they look at."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from orgs.access import MemberRequest, requires, tokens_of
from orgs.forms import TokenForm, TokenNameForm
from orgs.models import ApiToken, Role
from orgs.services.tokens import create_token, rename_token, revoke_token


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.VIEWER)
def tokens(request: MemberRequest) -> HttpResponse:
    """The list, and the form that makes one; the new one is shown on the page that answers, this once."""
    form = TokenForm(request.POST or None, initial={"access": ApiToken.Access.READ})
    if form.is_valid():
        with form.refusals():
            token, text = create_token(membership=request.membership, **form.cleaned_data)
            context = {"token": token, "text": text, "visant_url": settings.VISANT_URL}
            return render(request, "orgs/token.html", context)
    context = {"form": form, "tokens": tokens_of(request.membership).with_usage().newest_first()}
    return render(request, "orgs/tokens.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.VIEWER)
def rename(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    token = get_object_or_404(tokens_of(request.membership), pk=pk)
    form = TokenNameForm(request.POST or None, initial={"name": token.name})
    if form.is_valid():
        with form.refusals():
            rename_token(token=token, acting_user=request.user, **form.cleaned_data)
            messages.success(request, f"The token is now called {token.name}.")
            return redirect("tokens")
    return render(request, "orgs/rename_token.html", {"form": form, "token": token}, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.VIEWER)
def revoke(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    token = get_object_or_404(tokens_of(request.membership), pk=pk)
    if request.method == "POST":
        revoke_token(token=token, acting_user=request.user)
        messages.success(request, f"The token {token.name} is revoked.")
        return redirect("tokens")
    return render(request, "orgs/revoke_token.html", {"token": token})
