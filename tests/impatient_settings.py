"""The settings with a server that waits for slow clients only for a moment."""

from visant import bodies
from visant.settings import *  # noqa: F403

bodies.PATIENCE_SECONDS = bodies.THREADS_PATIENCE_SECONDS = 1.5
# No collected files are needed for a page.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
