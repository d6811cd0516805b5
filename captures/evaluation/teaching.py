"""What people tell Visant: what a picture is, and what is normal for a camera."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from captures.evaluation.models import Definition, Label, State
from captures.models import Capture
from devices.models import Device
from orgs.audit import record
from orgs.errors import Invalid
from orgs.models import User
from orgs.services.validation import validate


class InvalidLabel(Invalid):
    code = "invalid_label"


class InvalidDefinition(Invalid):
    code = "invalid_definition"


# A model's field checks no length of a long text; the forms read theirs from it.
LONGEST_TEXT = Definition._meta.get_field("text").max_length or 0


def label_capture(*, capture: Capture, verdict: str, reference: bool | None = None, acting_user: User) -> Label:
    """Say what a picture is: ``normal`` or ``abnormal``; the latest word counts.

    ``reference``: whether the camera's pictures are compared with this one. Unsaid, a picture called normal
    becomes one if it was judged otherwise (there is something to learn), and one that is a reference stays one.
    """
    if verdict not in (State.NORMAL, State.ABNORMAL):
        raise InvalidLabel("A picture is labelled normal or abnormal.")
    if reference and verdict != State.NORMAL:
        raise InvalidLabel("Only a normal picture can be a reference.")
    if reference is None:
        is_new = capture.verdict != State.NORMAL and bool(capture.storage_key)
        reference = verdict == State.NORMAL and (is_new or is_reference(capture))
    if reference and capture.usable is False:
        raise InvalidLabel("A picture on which nothing can be seen cannot be a reference.")
    if reference and not capture.storage_key:
        raise InvalidLabel("A picture that was not kept cannot be a reference.")
    label, _ = Label.unscoped.update_or_create(
        capture=capture,
        defaults={
            "org_id": capture.org_id,
            "device_id": capture.device_id,
            "verdict": verdict,
            "reference": reference,
            "created_by": acting_user,
            "created_at": timezone.now(),
        },
    )
    return label


def is_reference(capture: Capture) -> bool:
    return Label.unscoped.filter(capture=capture, reference=True).exists()


@transaction.atomic
def change_definition(
    *,
    device: Device,
    text: str,
    regions: object,
    ignore_regions: object,
    references_from: datetime | None = None,
    acting_user: User,
) -> Definition:
    """Make a new version of what is normal for the camera, and make it the active one.

    Pictures already judged keep the version they were judged by. ``references_from`` forgets older references,
    as after the camera was moved; unsaid, the active version's moment is kept.
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidDefinition(f"The text has {len(text)} characters; at most {LONGEST_TEXT} are allowed.")
    # Lock the camera, so that two editors get two versions one after the other.
    Device.unscoped.select_for_update(no_key=True).get(pk=device.pk)
    newest = device.definitions.order_by("-version").first()
    definition = Definition(
        text=text,
        regions=regions,
        ignore_regions=ignore_regions,
        references_from=references_from or (newest.references_from if newest else None),
    )
    return _add_version(definition, "definition.changed", device=device, newest=newest, acting_user=acting_user)


@transaction.atomic
def learn_again(*, device: Device, acting_user: User) -> Definition:
    """Forget the camera's references: what it sees from now on is what it learns."""
    # Lock the camera, so that what somebody else saves at this moment is not taken back.
    Device.unscoped.select_for_update(no_key=True).get(pk=device.pk)
    newest = device.definitions.order_by("-version").first()
    active = device.definitions.filter(active=True).first()
    definition = Definition(
        text=active.text if active else "",
        regions=active.regions if active else [],
        ignore_regions=active.ignore_regions if active else [],
        references_from=timezone.now(),
    )
    return _add_version(
        definition, "definition.learn_again", device=device, newest=newest, acting_user=acting_user
    )


@transaction.atomic
def import_definition(*, device: Device, text: str, acting_user: User | None) -> Definition:
    """Return the version of that text without regions; made if there is none, and then not the active one."""
    # Lock the camera, so that two imports do not both make it.
    Device.unscoped.select_for_update(no_key=True).get(pk=device.pk)
    known = device.definitions.filter(text=text, regions=[], ignore_regions=[]).order_by("version").first()
    if known is not None:
        return known
    newest = device.definitions.order_by("-version").first()
    definition = Definition(text=text, active=False)
    return _add_version(definition, "definition.imported", device=device, newest=newest, acting_user=acting_user)


@transaction.atomic
def activate_imported(*, device: Device, definition: Definition, acting_user: User | None) -> None:
    """Go on by a version that was imported, unless the camera has an active one."""
    Device.unscoped.select_for_update(no_key=True).get(pk=device.pk)
    if device.definitions.filter(active=True).exists():
        return
    device.definitions.filter(pk=definition.pk).update(active=True)
    record(
        "definition.changed",
        org=device.org_id,
        actor=acting_user,
        target=definition,
        after=_in_brief(definition),
        device=device,
    )


def _add_version(
    definition: Definition, action: str, *, device: Device, newest: Definition | None, acting_user: User | None
) -> Definition:
    """Make it the camera's newest version, and note that it changed. The camera is locked."""
    definition.org_id = device.org_id
    definition.device = device
    definition.version = newest.version + 1 if newest else 1
    definition.created_by = acting_user
    if definition.active:
        device.definitions.filter(active=True).update(active=False)
    validate(definition, InvalidDefinition)
    definition.save(force_insert=True)
    record(
        action,
        org=device.org_id,
        actor=acting_user,
        target=definition,
        before=_in_brief(newest) if newest else None,
        after=_in_brief(definition),
        device=device,
    )
    return definition


def _in_brief(definition: Definition) -> dict[str, Any]:
    """What the audit tells of a version; it is kept whole itself, so the shapes are only counted."""
    return {
        "version": definition.version,
        "text": definition.text,
        "regions": len(definition.regions),
        "ignored_regions": len(definition.ignore_regions),
        "references_from": definition.references_from,
    }
