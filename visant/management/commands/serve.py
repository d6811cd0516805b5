from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from visant.processes import prepare, programs, supervise


class Command(BaseCommand):
    help = "Run web server, workers and scheduler in the foreground, until SIGINT or SIGTERM."

    def handle(self, **options: Any) -> None:
        prepare(migrate=settings.VISANT_MIGRATE)
        self.stdout.write(f"Visant listens on {settings.VISANT_HOST} port {settings.PORT}: {settings.VISANT_URL}")
        supervise(programs())
