from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from visant.heartbeats import Beating
from visant.models import Heartbeat

POLL_SECONDS = 0.2


class Command(BaseCommand):
    help = "Judge pictures, and do what else waits in the queue, until SIGINT or SIGTERM. Several may run at once."

    def handle(self, **options: Any) -> None:
        with Beating(Heartbeat.Kind.WORKER):
            call_command("db_worker", interval=POLL_SECONDS, reload=False, verbosity=0)
