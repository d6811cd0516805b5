"""Visant's settings, with the doors of ``tests/forgetful.py``."""

from visant.settings import *  # noqa: F403

ROOT_URLCONF = "tests.forgetful"
