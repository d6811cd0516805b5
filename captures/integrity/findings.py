"""What was found wrong with the bytes of pictures."""

from django.db import IntegrityError
from django.utils import timezone

from captures.integrity.models import IntegrityFinding, Problem
from captures.models import Capture
from orgs import scope


def note_finding(capture: Capture, problem: Problem, detail: str = "") -> None:
    """Note it, or that it is still so. Of a picture that is deleted at this moment nothing is noted."""
    now = timezone.now()
    said = {"org_id": capture.org_id, "problem": problem, "detail": detail[:300], "seen_at": now}
    try:
        IntegrityFinding.unscoped.update_or_create(
            capture_id=capture.pk, defaults=said, create_defaults={**said, "found_at": now}
        )
    except IntegrityError:
        if Capture.unscoped.filter(pk=capture.pk).exists():
            raise


def forget_finding(capture: Capture) -> None:
    """Its bytes are as they were."""
    IntegrityFinding.unscoped.filter(capture=capture.pk).delete()


def open_findings() -> list[IntegrityFinding]:
    """All there are, of all organizations, the latest first."""
    with scope.across_organizations("an operator asks what is wrong with the bytes of any picture"):
        findings = IntegrityFinding.unscoped.select_related("capture__device", "org")
        return list(findings.order_by("-pk"))
