"""The settings with streams that show signs of life, and are looked after, every second."""

from visant.settings import *  # noqa: F403

STREAM_PING_SECONDS = 1.0
STREAM_CHECK_SECONDS = 1.0
