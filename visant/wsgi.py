"""The door for WSGI servers: ``granian --interface wsgi visant.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visant.settings")
application = get_wsgi_application()

from visant.starting import refuse_wrong_storage  # noqa: E402 - it needs the settings

refuse_wrong_storage()
