import logging
import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from visant.errors import DATABASE_DOWN
from visant.heartbeats import Beating
from visant.models import Heartbeat

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
RETRY_SECONDS = 1.0


class Command(BaseCommand):
    help = "Judge pictures, and do what else waits in the queue, until SIGINT or SIGTERM. Several may run at once."

    def handle(self, **options: Any) -> None:
        with Beating(Heartbeat.Kind.WORKER):
            while True:
                try:
                    call_command("db_worker", interval=POLL_SECONDS, reload=False, verbosity=0)
                except DATABASE_DOWN as error:
                    logger.warning("The database is away; it is tried again: %s", error)
                    connection.close()
                    time.sleep(RETRY_SECONDS)
                else:
                    return
