"""The beacon: the script of a page says that somebody looks at it."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from orgs.errors import NotAllowed
from sharing.visitors.door import VisitorRequest, take_view, visited


class NotOurPage(NotAllowed):
    code = "not_our_page"


# In a frame of another site there is no cookie to prove anything; where it comes from the browser itself says.
@csrf_exempt
@require_POST
@visited
def view(request: VisitorRequest) -> HttpResponse:
    """``POST /s/{token}/view``: count the visit. 410 when others took the last view, or the link was closed."""
    _refuse_other_sites(request)
    take_view(request)
    return HttpResponse(status=204)


def _refuse_other_sites(request: HttpRequest) -> None:
    """Let no other site use up a link with the browsers of its own visitors."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise NotOurPage("Only the page of the link itself says that it was seen.")
