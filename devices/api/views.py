"""The bases of every view that cameras call."""

import uuid
from typing import ClassVar, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from devices.access import devices_of
from devices.api.authentication import DeviceKeyAuthentication, DeviceOrPersonAuthentication
from devices.health import with_condition
from devices.models import Device, DeviceKey
from orgs.access import refuse_suspended
from orgs.api.views import IsMember, MemberAPIView
from orgs.errors import NotAllowed, NotThere
from orgs.metering import refuse_over_quota


class DeviceNotThere(NotThere):
    code = "device_not_found"


class OnlyDevices(NotAllowed):
    code = "only_devices"


class OnlyMembers(NotAllowed):
    code = "only_members"


class IsDevice(BasePermission):
    """A camera whose key is not over its daily quota, and whose organization is not suspended."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not _is_device(request):
            return False
        _refuse_reading(request)
        return True


class IsDeviceOrMember(IsMember):
    """A camera, or for what is not a camera's alone a member whose role covers it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        door = cast(DeviceOrMemberAPIView, view)
        if _is_device(request):
            if request.method in door.member_methods:
                raise OnlyMembers("Only people may do this.")
            if request.method not in door.methods_beyond_quota:
                _refuse_reading(request)
            return True
        if request.method in door.device_methods:
            raise OnlyDevices("Only a camera may do this, with its key.")
        return super().has_permission(request, view)


class DeviceAPIView(APIView):
    """The caller is a camera; ``self.device`` is it."""

    authentication_classes = [DeviceKeyAuthentication]
    permission_classes = [IsDevice]

    def caller_of(self, method: str) -> str:
        """Who may call it, as ``docs/permissions.md`` has it."""
        return "device"

    @property
    def device(self) -> Device:
        return cast(Device, self.request.user)


class DeviceOrMemberAPIView(MemberAPIView):
    """The caller is a camera (``self.device``), or else a member (``self.device`` is None).

    ``device_methods`` are the camera's alone, ``member_methods`` the members'; ``methods_beyond_quota`` are done
    even beyond its key's quota, and in a suspended organization.
    """

    authentication_classes = [DeviceOrPersonAuthentication]
    permission_classes = [IsDeviceOrMember]
    device_methods: ClassVar[tuple[str, ...]] = ()
    member_methods: ClassVar[tuple[str, ...]] = ()
    methods_beyond_quota: ClassVar[tuple[str, ...]] = ()

    def caller_of(self, method: str) -> str:
        if method in self.device_methods:
            return "device"
        role = str(self.role_for(method))
        return role if method in self.member_methods else f"device, {role}"

    @property
    def device(self) -> Device | None:
        return cast(Device, self.request.user) if _is_device(self.request) else None


def _refuse_reading(request: Request) -> None:
    """For what a camera does besides handing in pictures. An upload never loads its organization's row."""
    key = cast(DeviceKey, request.auth)
    refuse_suspended(key.device.org)
    refuse_over_quota(key)


def _is_device(request: Request) -> bool:
    return isinstance(request.user, Device)


def get_device(view: MemberAPIView, text: str) -> Device:
    """Return the camera of that id, if the calling member may see it."""
    try:
        pk = uuid.UUID(text)
    except ValueError:
        raise DeviceNotThere("There is no such camera.") from None
    device = with_condition(devices_of(view.membership)).with_hardware().filter(pk=pk).first()
    if device is None:
        raise DeviceNotThere("There is no such camera.")
    return device
