"""Making the demo organization. What is there is left as it is, so that it may be cut off and run again."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.module_loading import import_string

from captures.demo.month import Hour, Painted, Yard, hours_until
from captures.evaluation.models import Definition, Evaluation, Label, State
from captures.evaluation.teaching import change_definition, label_capture
from captures.models import Capture, EvaluationStatus
from captures.storage import picture_key, thumbnail_key
from devices.models import Device
from devices.services.devices import register_device
from devices.services.sightings import note_sightings
from orgs import scope
from orgs.ids import uuid7
from orgs.models import Membership, Organization, Role, User
from orgs.services.invitations import accept_invitation, invite
from orgs.services.organizations import create_organization
from orgs.services.users import create_user, find_user

NAME = "Seeded demo"
CAMERAS = ("Yard", "Back gate", "Loading bay")
NORMAL = "The yard is empty. Light and shadows change over the day."
BATCH = 200
# Painting leaves the interpreter in part, and a disk's sync in whole.
THREADS = 4
REFERENCES, OTHERS = 8, 4
PROVIDER, MODEL = "painted", "1"


def address_of(role: Role) -> str:
    return f"{role}@seed.visant.example"


def seed_demo(*, tell_password: Callable[[str, str], None], progress: Callable[[int, int], None]) -> Organization:
    """Make what is missing, and return the organization.

    ``tell_password`` is told the address and the password of each account before it is made, so that a run that is
    killed leaves none that nobody can enter; ``progress``, how many pictures are there, of how many.
    """
    org = _organization(tell_password)
    with scope.within(org.pk):
        owner = org.memberships.get(user__email=address_of(Role.OWNER))
        _people(owner, tell_password)
        devices = [_camera(org, owner.user, name) for name in CAMERAS]
        hours = list(hours_until(org.created_at))
        for number, (device, definition) in enumerate(devices):
            before = number * len(hours)
            for done in _pictures(device, definition, hours):
                progress(before + done, len(hours) * len(devices))
            _labels(device, owner.user)
        note_sightings(device_ids=[device.pk for device, _ in devices], at=org.created_at)
        for path in settings.DEMO_PARTS:
            import_string(path)(org=org)
    return org


@transaction.atomic
def _organization(tell_password: Callable[[str, str], None]) -> Organization:
    """Known by its owner: the name may be taken by anybody."""
    address = address_of(Role.OWNER)
    with scope.across_organizations("whether there is a demo already is told by its owner's membership"):
        owned = Membership.unscoped.filter(user__email=address, role=Role.OWNER).select_related("org").first()
    if owned is not None:
        return owned.org
    password = secrets.token_urlsafe(12)
    if find_user(email=address) is None:
        tell_password(address, password)
    return create_organization(name=NAME, owner_email=address, owner_password=password)


def _people(owner: Membership, tell_password: Callable[[str, str], None]) -> None:
    """Each of the other roles comes by an invitation, as people do; without an address nothing is mailed."""
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        address = address_of(role)
        if owner.org.memberships.filter(user__email=address).exists():
            continue
        with transaction.atomic():
            user = find_user(email=address)
            if user is None:
                password = secrets.token_urlsafe(12)
                tell_password(address, password)
                user = create_user(email=address, password=password, name=f"Demo {role}")
            accept_invitation(token=invite(acting_membership=owner, role=role)[1], user=user)


@transaction.atomic
def _camera(org: Organization, owner: User, name: str) -> tuple[Device, Definition]:
    device = org.devices.filter(name=name).first() or register_device(org=org, name=name, acting_user=owner)
    definition = device.definitions.filter(active=True).first() or change_definition(
        device=device, text=NORMAL, regions=[], ignore_regions=[], acting_user=owner
    )
    return device, definition


def _pictures(device: Device, definition: Definition, hours: Sequence[Hour]) -> Iterator[int]:
    """Paint and keep what is not there yet; yield how many are there after each batch."""
    there = set(device.captures.filter(record_id__startswith="seed-").values_list("record_id", flat=True))
    missing = (hour for hour in hours if hour.record_id not in there)
    yard, done = Yard(device.name), len(there)
    with ThreadPoolExecutor(THREADS) as pool:
        while batch := list(islice(missing, BATCH)):
            rows = list(pool.map(lambda hour: _stored(device, definition, hour, yard.paint(hour)), batch))
            with transaction.atomic():
                Capture.unscoped.bulk_create(rows)
                Evaluation.unscoped.bulk_create(map(_evaluation, rows))
            done += len(batch)
            yield done


def _stored(device: Device, definition: Definition, hour: Hour, painted: Painted) -> Capture:
    """Write the files of one picture, and return its row, not written yet."""
    pk = uuid7()
    key = picture_key(org_id=device.org_id, device_id=device.pk, pk=pk, at=hour.at, extension="jpeg")
    default_storage.save(key, ContentFile(painted.data))
    default_storage.save(thumbnail_key(key), ContentFile(painted.thumbnail))
    return Capture(
        pk=pk,
        org_id=device.org_id,
        device=device,
        definition=definition,
        record_id=hour.record_id,
        captured_at=hour.at,
        received_at=hour.at + timedelta(seconds=1),
        storage_key=key,
        thumbnail_key=thumbnail_key(key),
        content_type="image/jpeg",
        byte_size=len(painted.data),
        width=640,
        height=480,
        sha256=painted.sha256,
        trigger_label="hourly",
        evaluation_status=EvaluationStatus.COMPLETED,
        evaluation_due_at=None,
        evaluation_attempts=1,
        evaluated_at=hour.at + timedelta(seconds=2),
        usable=True,
        verdict=painted.verdict,
        score=painted.score,
        reason=painted.reason,
    )


def _evaluation(capture: Capture) -> Evaluation:
    return Evaluation(
        org_id=capture.org_id,
        capture=capture,
        definition=capture.definition,
        attempt=1,
        provider=PROVIDER,
        model=MODEL,
        verdict=capture.verdict,
        score=capture.score,
        reason=capture.reason,
        at=capture.received_at,
    )


@transaction.atomic
def _labels(device: Device, owner: User) -> None:
    """What a person would have said in the first days: these are how it should be, and these are not."""
    if Label.unscoped.filter(device=device).exists():
        return
    for verdict, count in ((State.NORMAL, REFERENCES), (State.ABNORMAL, OTHERS)):
        for capture in device.captures.filter(verdict=verdict).order_by("captured_at")[:count]:
            label_capture(capture=capture, verdict=verdict, reference=verdict == State.NORMAL, acting_user=owner)
