"""How many pictures are taken in a minute."""

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from devices.models import DeviceKey
from orgs.ratelimits import count


class UploadThrottle(BaseThrottle):
    """Counts pictures by the key that hands them in and by its organization; no byte of one beyond is read."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if request.method == "POST" and isinstance(key, DeviceKey):
            count("upload_key", key.pk)
            count("upload_organization", key.org_id)
        return True
