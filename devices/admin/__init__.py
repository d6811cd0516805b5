"""Cameras, their keys and their hardware, as operators see them."""

from devices.admin import cameras, commands, schedules, units

__all__ = ["cameras", "commands", "schedules", "units"]
