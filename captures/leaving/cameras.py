"""Which camera here is meant by one of an export: found by the id that it had there, or made."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q

from captures.moving.cameras import Cameras
from captures.moving.outcomes import Refused
from devices.models import Device
from devices.services.devices import keep_former_id
from orgs.models import Organization


class ExportedCameras(Cameras):
    """The cameras of an export by their ids there. What each calls itself comes over beside that."""

    def __init__(self, org: Organization, told: Iterable[dict[str, Any]], *, dry_run: bool) -> None:
        super().__init__(org, dry_run=dry_run)
        self._told = {camera["id"]: camera for camera in told}

    def of(self, external_id: str, *, name: str = "") -> Device:
        """Return the camera that had this id there. Raises :class:`Refused`, also for one that is not told of."""
        if external_id not in self._told:
            raise Refused("unknown_camera", "Its camera is not in the export.")
        return super().of(external_id, name=self._told[external_id]["name"])

    def _find(self, external_id: str, name: str) -> Device | None:
        known = self._known_as(self._told[external_id])
        if known is not None and not self._dry_run:
            self._note(known, external_id)
        return known

    def _make(self, external_id: str, name: str) -> Device:
        device = super()._make(external_id, name)
        if not self._dry_run:
            self._note(device, external_id)
        return device

    def _own_word(self, external_id: str) -> str:
        return str(self._told[external_id]["external_id"])

    def _known_as(self, told: dict[str, Any]) -> Device | None:
        """By its id there first: only that is never another camera's. Earlier versions kept it as its own word."""
        own_word, pk = told["external_id"], UUID(told["id"])
        alike = [Q(former_id=pk), Q(external_id=told["id"]), Q(pk=pk)]
        if own_word:
            alike.append(Q(external_id=own_word))
        alike.append(Q(name=told["name"], external_id="", former_id=None))
        found = (self._org.devices.filter(one).first() for one in alike)
        return next((device for device in found if device), None)

    def _note(self, device: Device, id_there: str) -> None:
        keep_former_id(device=device, former_id=UUID(id_there), external_id=self._own_word(id_there))
