"""Cameras, the hardware that serves them, their keys, and what they are told."""

from devices.models.breaks import ServiceBreak
from devices.models.commands import OPEN, Command, CommandQuerySet, CommandStatus
from devices.models.devices import Device, DeviceQuerySet
from devices.models.keys import DeviceKey, DeviceKeyUsage
from devices.models.schedules import Schedule, ScheduleQuerySet, ScheduleRule
from devices.models.status import Delivery, DeviceStatus
from devices.models.units import Installation, Unit, UnitState

__all__ = [
    "OPEN",
    "Command",
    "CommandQuerySet",
    "CommandStatus",
    "Delivery",
    "Device",
    "DeviceKey",
    "DeviceKeyUsage",
    "DeviceQuerySet",
    "DeviceStatus",
    "Installation",
    "Schedule",
    "ScheduleQuerySet",
    "ScheduleRule",
    "ServiceBreak",
    "Unit",
    "UnitState",
]
