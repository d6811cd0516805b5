"""The base of every view that cameras call."""

from typing import cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from devices.api.authentication import DeviceKeyAuthentication
from devices.models import Device


class IsDevice(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, Device)


class DeviceAPIView(APIView):
    """The caller is a camera; ``self.device`` is it."""

    authentication_classes = [DeviceKeyAuthentication]
    permission_classes = [IsDevice]

    @property
    def device(self) -> Device:
        return cast(Device, self.request.user)
