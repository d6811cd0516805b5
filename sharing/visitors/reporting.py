"""The door to the operator: what a page shows that it should not. Also of a link that does not open any more."""

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from orgs import scope
from orgs.forms import ServiceForm
from sharing.models import LONGEST_REPORT, ReportReason
from sharing.opening import find_link
from sharing.services.reports import report_link


class ReportForm(ServiceForm):
    reason = forms.ChoiceField(
        label="What is wrong with it?", choices=ReportReason.choices, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label="What should we know?",
        required=False,
        max_length=LONGEST_REPORT,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    email = forms.EmailField(
        label="Your e-mail address",
        required=False,
        help_text="Only if you want an answer.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, token: str) -> HttpResponse:
    """``/s/{token}/report``: ask what is wrong with the page, and tell the operator.

    Who saw a page yesterday may report it today: neither its end nor its password is in the way, and nothing of
    what it shows is told. Raises :class:`~sharing.opening.LinkNotThere`.
    """
    with scope.nothing():
        link = find_link(token)
        scope.enter(link.org_id)
        form = ReportForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            with form.refusals():
                report_link(link=link, **form.cleaned_data)
        is_taken = form.is_bound and not form.errors
        page = "sharing/visitor/reported.html" if is_taken else "sharing/visitor/report.html"
        context = {"link": link, "form": form, "days_kept": settings.VISANT_LINK_REPORT_DAYS}
        answer = render(request, page, context, status=form.status)
    # Without any referrer a browser does not say either where a form comes from, which is its proof of origin.
    answer["Referrer-Policy"] = "same-origin"
    return answer
