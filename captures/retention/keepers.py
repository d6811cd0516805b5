"""What keeps a picture whose time has come: the functions of ``settings.RETENTION_KEEPERS``.

Each takes the organization and the moment and returns the condition on its captures. Rooms above this one, as the
one of links, are named there by dotted strings.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import Case, CharField, Exists, OuterRef, Q, Value, When
from django.utils.module_loading import import_string

from captures.evaluation.models import Label
from orgs.models import Organization

NOTHING = ""


def held(*, org: Organization, at: datetime) -> Q:
    """Somebody said that the picture is kept."""
    return Q(hold=True)


def labelled(*, org: Organization, at: datetime) -> Q:
    """Somebody said what the picture is; references are among them."""
    return Q(Exists(Label.unscoped.filter(capture=OuterRef("pk"))))


def kept_by(*, org: Organization, at: datetime) -> Case:
    """Return what keeps a capture, as an expression: the first word of the setting that holds, or nothing."""
    cases = [
        When(import_string(path)(org=org, at=at), then=Value(word))
        for word, path in settings.RETENTION_KEEPERS.items()
    ]
    return Case(*cases, default=Value(NOTHING), output_field=CharField())
