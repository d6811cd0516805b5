#!/usr/bin/env python
"""Visant's commands: ``manage.py help`` lists them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visant.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        settings.DEBUG  # noqa: B018 - reads every setting, before any command starts
    except ImproperlyConfigured as error:
        sys.exit(f"Visant cannot start: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
