"""``/v1/devices``: the cameras as people's programs see and change them."""

from collections.abc import Callable

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from devices.access import devices_of
from devices.api.serializers import DeviceIn, DeviceOut, NewDeviceIn, NewDeviceOut
from devices.api.views import get_device
from devices.health import with_condition
from devices.models import Device
from devices.services.camera_settings import change_device
from devices.services.devices import add_device
from devices.services.lifecycle import reinstate_device, resume_device, retire_device, suspend_device
from orgs.api.parsers import JSONParser
from orgs.api.serializers.base import received
from orgs.api.views import MemberAPIView
from orgs.models import Role


class DeviceList(MemberAPIView, ListAPIView[Device]):
    """``GET``: the cameras the caller may see, newest first. ``POST`` adds one; its key is in the answer, once.

    A camera with a label is claimed instead: ``POST /v1/devices/claim``. A personal token adds none: the key it
    would be given outlives it.
    """

    parser_classes = [JSONParser]
    smallest_roles = {"POST": Role.ADMIN}
    login_methods = ("POST",)
    serializer_class = DeviceOut
    results_key = "devices"
    keyset_field = "created_at"

    def get_queryset(self) -> QuerySet[Device]:
        return with_condition(devices_of(self.membership)).with_hardware()

    @extend_schema(request=NewDeviceIn, responses={201: NewDeviceOut})
    def post(self, request: Request) -> Response:
        device, key = add_device(org=self.org, acting_user=self.person, **received(NewDeviceIn, request))
        answer = NewDeviceOut(get_device(self, str(device.pk)), context={"key": key})
        return Response(answer.data, status=201, headers={"Cache-Control": "no-store"})


class DeviceDetail(MemberAPIView):
    """``PATCH`` changes name and time zone. ``DELETE`` retires: its pictures stay, and its row does."""

    parser_classes = [JSONParser]
    smallest_roles = {"PATCH": Role.ADMIN, "DELETE": Role.ADMIN}

    @extend_schema(responses=DeviceOut)
    def get(self, request: Request, name: str) -> Response:
        return Response(DeviceOut(get_device(self, name)).data)

    @extend_schema(request=DeviceIn, responses=DeviceOut)
    def patch(self, request: Request, name: str) -> Response:
        device = get_device(self, name)
        change_device(device=device, acting_user=self.person, **received(DeviceIn, request))
        return Response(DeviceOut(get_device(self, name)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        retire_device(device=get_device(self, name), acting_user=self.person)
        return Response(status=204)


class _Change(MemberAPIView):
    """``POST``, without a body: one step of a camera's service; doing it again changes nothing."""

    parser_classes = [JSONParser]
    smallest_role = Role.ADMIN
    change: Callable[..., None]

    @extend_schema(request=None, responses=DeviceOut)
    def post(self, request: Request, name: str) -> Response:
        type(self).change(device=get_device(self, name), acting_user=self.person)
        return Response(DeviceOut(get_device(self, name)).data)


class SuspendDevice(_Change):
    change = staticmethod(suspend_device)


class ResumeDevice(_Change):
    change = staticmethod(resume_device)


class RetireDevice(_Change):
    change = staticmethod(retire_device)


class ReinstateDevice(_Change):
    change = staticmethod(reinstate_device)
