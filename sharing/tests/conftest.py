"""A camera, a judged picture of it, and a member who may share both."""

import pytest

from devices.models import Device
from orgs.models import Role
from tests.builders import make_capture, make_device, make_member, make_org


@pytest.fixture
def device() -> Device:
    return make_device(make_org(time_zone="UTC"), "Gate")[0]


@pytest.fixture
def capture(device):
    return make_capture(device, verdict="abnormal", reason="A ladder is there.")


@pytest.fixture
def member(device):
    return make_member(device.org, Role.MEMBER)
