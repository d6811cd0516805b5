"""Deleting all of an organization: every row with its id, whichever app it is of, and every file below its prefix.

It can be cut short at any moment and goes on where it ended. What was counted is written in the transaction that
deletes, so that the receipt is exact.
"""

import contextlib
import json
import logging
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import islice
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from captures.storage.keys import INCOMING_PREFIX
from captures.storage.places import all_storages
from devices.models import Unit, UnitState
from orgs import scope
from orgs.errors import DATABASE_DOWN
from orgs.models import Deletion, Membership, Organization, Role
from orgs.services.deletions import LEASE, claim_deletion
from orgs.tenancy import TenantModel

logger = logging.getLogger(__name__)

BATCH = 500
# A request that was let in before the organization was suspended may still write a row or a file.
MOST_ROUNDS = 10


def delete_organization(deletion: Deletion) -> Deletion | None:
    """Do what was asked for, and return the receipt; None when it may not be done, or another process does it."""
    if not claim_deletion(deletion):
        return None
    try:
        return _delete(deletion)
    except (OSError, *DATABASE_DOWN):
        _give_back(deletion)
        raise


def _delete(deletion: Deletion) -> Deletion:
    org_id = deletion.organization_id
    with scope.within(org_id):
        org = Organization.objects.filter(pk=org_id).first()
        owners = _addresses_of_owners(org) if org else []
        _retire_hardware(org_id)
        for _ in range(MOST_ROUNDS):
            _delete_rows(deletion)
            _delete_files(deletion)
            if _delete_organization_row(deletion):
                break
        else:
            raise IntegrityError(f"Rows of the organization {org_id} come as fast as they are deleted.")
        _delete_files(deletion)
    Deletion.objects.filter(pk=deletion.pk).update(finished_at=timezone.now(), claimed_until=None)
    deletion.refresh_from_db()
    logger.info("Deleted the organization %s: %d files of %d bytes.", org_id, deletion.files, deletion.bytes)
    _tell(owners, deletion)
    return deletion


def rows_of(org: Organization) -> dict[str, int]:
    """How many rows of each table would be deleted now."""
    with scope.within(org.pk):
        counts = {model._meta.label_lower: _all_of(model, org.pk).count() for model in _models_in_order()}
    return {label: count for label, count in counts.items() if count}


def _models_in_order() -> list[type[TenantModel]]:
    """Each before those that it points at."""
    models = {model: model for model in apps.get_models() if issubclass(model, TenantModel)}
    graph: dict[Any, set[Any]] = {
        model: {field.related_model for field in model._meta.concrete_fields} & set(models) - {model}
        for model in models
    }
    return list(reversed(list(TopologicalSorter(graph).static_order())))


def _all_of(model: type[TenantModel], org_id: UUID) -> Any:
    return model._base_manager.filter(org_id=org_id)


def _delete_rows(deletion: Deletion) -> None:
    """The newest first: what replaces another row, like a key, is newer than that."""
    for model in _models_in_order():
        rows = _all_of(model, deletion.organization_id).order_by("-pk")
        while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
            with transaction.atomic():
                count = _all_of(model, deletion.organization_id).filter(pk__in=keys)._raw_delete("default")
                _count(deletion, model, count)


def _delete_organization_row(deletion: Deletion) -> bool:
    """False when rows came in between."""
    org_id = deletion.organization_id
    try:
        with transaction.atomic():
            # Not ``delete()``, which would look for what hangs on it, and is refused by what it finds.
            rows: Any = Organization.objects.filter(pk=org_id)
            _count(deletion, Organization, rows._raw_delete("default"))
            # What operators did to it is logged with its name.
            LogEntry.objects.filter(object_id=str(org_id)).delete()
    except IntegrityError:
        return False
    return True


def _count(deletion: Deletion, model: type[Model], count: int) -> None:
    label = model._meta.label_lower
    deletion.rows[label] = deletion.rows.get(label, 0) + count
    _save(deletion)


def _delete_files(deletion: Deletion) -> None:
    for storage, prefix in _places(deletion):
        while batch := list(islice(storage.list_files(prefix), BATCH)):
            left = storage.delete_many([file.key for file in batch])
            gone = [file.size for file in batch if file.key not in left]
            deletion.files += len(gone)
            deletion.bytes += sum(gone)
            _save(deletion)
            for error in left.values():
                raise error


def _places(deletion: Deletion) -> Iterator[tuple[Any, str]]:
    """Where files of an organization may be: kept or in a quarantine, put there by cameras, left by a move."""
    for storage in all_storages():
        yield storage, f"{deletion.organization_id}/"
        yield storage, f"{INCOMING_PREFIX}/{deletion.organization_id}/"


def _save(deletion: Deletion) -> None:
    deletion.claimed_until = timezone.now() + LEASE
    deletion.save(update_fields=["rows", "files", "bytes", "claimed_until"])


def _give_back(deletion: Deletion) -> None:
    """So that the next run need not wait; when the database is away itself, the lease ends by its time."""
    with contextlib.suppress(*DATABASE_DOWN):
        Deletion.objects.filter(pk=deletion.pk, claimed_until=deletion.claimed_until).update(claimed_until=None)


def _retire_hardware(org_id: UUID) -> None:
    """Units are no organization's; those that served its cameras can be given away anew by an operator."""
    serving = Unit.objects.filter(installations__org=org_id, installations__removed_at=None)
    Unit.objects.filter(pk__in=list(serving.values_list("pk", flat=True))).update(state=UnitState.RETIRED)


def _addresses_of_owners(org: Organization) -> list[str]:
    owners = Membership.unscoped.filter(org=org, role=Role.OWNER).select_related("user")
    return [membership.user.email for membership in owners]


def _tell(addresses: list[str], deletion: Deletion) -> None:
    receipt = json.dumps(deletion.receipt, indent=2)
    for address in addresses:
        try:
            send_mail("Your organization was deleted", f"This is the receipt.\n\n{receipt}\n", None, [address])
        except OSError as error:
            logger.warning("An owner could not be sent the receipt %s: %s", deletion.pk, error)
