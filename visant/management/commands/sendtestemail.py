from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import sendtestemail


class Command(sendtestemail.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Say what became of it. Raises :class:`CommandError` when the mail server does not take it."""
        where = f"{settings.EMAIL_HOST} port {settings.EMAIL_PORT}"
        try:
            super().handle(*args, **options)
        except SMTPException as refusal:
            raise CommandError(f"{where} does not take the mail: {refusal}") from refusal
        except OSError as away:
            fix = "manage.py doctor says how that is mended."
            raise CommandError(f"{where} cannot be reached: {away}. {fix}") from away
        if settings.EMAIL_URL:
            self.stdout.write(f"{where} has taken the mail.")
