"""Rows and pictures for tests: plain functions that take what matters and choose the rest."""

import io
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files.storage import Storage, default_storage
from django.test import Client
from PIL import Image

from captures.evaluation.models import Definition, Evaluation, Label
from captures.evaluation.teaching import change_definition, label_capture
from captures.models import Capture, EvaluationStatus
from captures.services import store_capture
from devices.models import Device
from devices.services.devices import add_device
from orgs.models import ApiToken, Membership, Organization, Role, User
from orgs.services.organizations import create_organization
from orgs.services.tokens import create_token
from orgs.services.users import create_user
from sharing.models import LinkKind, ShareLink

PASSWORD = "correct horse battery"
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# All of one length, so that names sort as they were made; and far from the seeds of pictures that tests name.
_numbers = itertools.count(1_000_000)


def make_org(name: str = "Acme", **fields: Any) -> Organization:
    number = next(_numbers)
    org = create_organization(
        name=f"{name} {number}", owner_email=f"owner{number}@example.org", owner_password=PASSWORD
    )
    Organization.objects.filter(pk=org.pk).update(**fields)
    org.refresh_from_db()
    return org


def owner_of(org: Organization) -> User:
    return org.memberships.get(role=Role.OWNER).user


def make_member(org: Organization, role: Role = Role.MEMBER) -> User:
    user = create_user(email=f"{role}{next(_numbers)}@example.org", password=PASSWORD)
    Membership.unscoped.create(org=org, user=user, role=role)
    return user


def membership_of(org: Organization, user: User) -> Membership:
    return org.memberships.get(user=user)


def make_operator(email: str = "operator@example.org", *, is_superuser: bool = True) -> User:
    """Return a person who may enter the admin."""
    return User.objects.create_user(email, PASSWORD, is_staff=True, is_superuser=is_superuser)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_token(membership: Membership | None = None, **fields: Any) -> tuple[ApiToken, str]:
    """Return a personal API token, of an owner if nobody is named, and its text."""
    membership = membership or make_org().memberships.get()
    return create_token(membership=membership, **{"name": "Script", "access": "write", **fields})


def make_device(org: Organization | None = None, name: str = "Gate") -> tuple[Device, str]:
    """Return a camera and its key."""
    return add_device(org=org or make_org(), name=f"{name} {next(_numbers)}", acting_user=None)


def make_jpeg(seed: int = 0, size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    return make_picture("JPEG", seed, size, **save)


def make_picture(kind: str, seed: int = 0, size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
    """Return a picture of structured noise; each ``seed`` is another picture."""
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 216, (size[1] // 8 + 1, size[0] // 8 + 1, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize(size))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **save)
    return out.getvalue()


def make_capture(
    device: Device | None = None, *, seed: int | None = None, minutes: float = 0, **fields: Any
) -> Capture:
    """Store a picture ``minutes`` after MOMENT; ``fields`` are written over its row, unchecked."""
    capture, _ = store_capture(
        device=device or make_device()[0],
        data=make_jpeg(next(_numbers) if seed is None else seed),
        captured_at=MOMENT + timedelta(minutes=minutes),
    )
    if "verdict" in fields:
        fields = {"evaluation_status": EvaluationStatus.COMPLETED, "evaluation_due_at": None, **fields}
    if fields:
        Capture.unscoped.filter(pk=capture.pk).update(**fields)
        capture.refresh_from_db()
    return capture


def make_definition(device: Device, *, text: str = "The yard is empty.", **fields: Any) -> Definition:
    fields = {"regions": [], "ignore_regions": [], **fields}
    return change_definition(device=device, text=text, acting_user=owner_of(device.org), **fields)


def make_label(capture: Capture, verdict: str = "normal", *, reference: bool | None = None) -> Label:
    return label_capture(capture=capture, verdict=verdict, reference=reference, acting_user=owner_of(capture.org))


def make_evaluation(capture: Capture, **fields: Any) -> Evaluation:
    """Record one evaluator's answer, unchecked."""
    fields = {"attempt": 1, "provider": "scene", "model": "1", "verdict": "normal", **fields}
    return Evaluation.unscoped.create(org_id=capture.org_id, capture=capture, **fields)


def make_link(capture: Capture, kind: LinkKind = LinkKind.CAPTURE, **fields: Any) -> ShareLink:
    """Share a capture, its camera, the newest of it, or the hour that begins with it; unchecked.

    Unless ``created_by`` says who, nobody is known to have made it, as of one from an earlier system.
    """
    shows: dict[str, Any] = {
        LinkKind.DEVICE: {},
        LinkKind.LATEST: {},
        LinkKind.CAPTURE: {"capture": capture},
        LinkKind.RANGE: {
            "range_from": capture.captured_at,
            "range_until": capture.captured_at + timedelta(hours=1),
        },
    }[kind]
    fields = {"token": f"{next(_numbers)}-token-of-a-link", **shows, **fields}
    fields.setdefault("without_maker", fields.get("created_by") is None)
    return ShareLink.unscoped.create(org_id=capture.org_id, device_id=capture.device_id, kind=kind, **fields)


def stored_files(storage: Storage = default_storage) -> set[str]:
    """Return the name of every file in the storage, drafts included."""
    folder = Path(storage.path(""))
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
