"""Which camera here is meant by what a camera calls itself there: matched exactly, or made."""

import re
import uuid

from django.db.models import Q

from captures.moving.outcomes import Refused
from devices.models import Device
from devices.services.devices import InvalidDevice, TooManyDevices, keep_external_id, register_device
from orgs.models import Organization

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")
LONGEST_NAME = Device._meta.get_field("name").max_length or 0
MOST_ALIKE = 1000


class Cameras:
    """The cameras of one organization by their names in the source. Nothing is written with ``dry_run``."""

    def __init__(self, org: Organization, *, dry_run: bool) -> None:
        self._org = org
        self._dry_run = dry_run
        self._known: dict[str, Device | Refused] = {}
        self.made: list[Device] = []

    def of(self, external_id: str, *, name: str = "") -> Device:
        """Return the camera that was imported under that name, else that of this id or name, else a new one.

        Upper and lower case, and spaces, make other names. Raises :class:`Refused`.
        """
        if external_id not in self._known:
            try:
                self._known[external_id] = self._find(external_id, name) or self._make(external_id, name)
            except Refused as refusal:
                self._known[external_id] = refusal
        found = self._known[external_id]
        if isinstance(found, Refused):
            raise Refused(found.reason, str(found))
        return found

    def known(self, external_id: str) -> Device | None:
        """The camera of that name, if it is there or was made."""
        found = self._known.get(external_id) or self._org.devices.filter(external_id=external_id).first()
        return found if isinstance(found, Device) else None

    def all(self) -> list[Device]:
        """Those that were asked for and are there."""
        return [device for device in self._known.values() if isinstance(device, Device)]

    def _find(self, external_id: str, name: str) -> Device | None:
        devices = self._org.devices
        known: Device | None = devices.filter(external_id=external_id).first()
        if known is not None:
            return known
        if pk := _uuid(external_id):
            known = devices.filter(Q(pk=pk) | Q(former_id=pk)).first()
        known = known or devices.filter(name=name or external_id, external_id="").first()
        if known is not None and not self._dry_run:
            keep_external_id(device=known, external_id=external_id)
        return known

    def _make(self, external_id: str, name: str) -> Device:
        name = self._free_name(name or external_id)
        if self._dry_run:
            self._refuse_too_many()
            device = Device(org=self._org, name=name, external_id=self._own_word(external_id))
        else:
            try:
                own_word = self._own_word(external_id)
                device = register_device(org=self._org, name=name, external_id=own_word, acting_user=None)
            except TooManyDevices as error:
                raise Refused("too_many_cameras", str(error)) from error
            except InvalidDevice as error:
                if (there := self._find(external_id, name)) is not None:
                    return there  # somebody else made it meanwhile
                raise Refused("camera_refused", str(error)) from error
        self.made.append(device)
        return device

    def _own_word(self, external_id: str) -> str:
        """What the camera calls itself, to be kept with a new one."""
        return external_id

    def _refuse_too_many(self) -> None:
        """As registering one would."""
        limit = self._org.device_limit
        if limit is not None and self._org.devices.in_service().count() + len(self.made) >= limit:
            raise Refused("too_many_cameras", f"The plan covers {limit} cameras.")

    def _free_name(self, wanted: str) -> str:
        """The name as people can read it; with a number behind it where it is taken."""
        wanted = UNPRINTABLE.sub(" ", wanted).strip() or "Camera"
        for number in range(1, MOST_ALIKE):
            tail = f" ({number})" if number > 1 else ""
            name = wanted[: LONGEST_NAME - len(tail)].rstrip() + tail
            of_this_run = any(device.name.lower() == name.lower() for device in self.made)
            if not of_this_run and not self._org.devices.filter(name__iexact=name).exists():
                return name
        raise Refused("camera_refused", "There are too many cameras of this name.")


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
