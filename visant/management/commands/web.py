import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from visant.processes import prepare_metrics, prepare_static, web_command


class Command(BaseCommand):
    help = "Run the web server alone, as a container does; workers and the scheduler run elsewhere."

    def handle(self, **options: Any) -> None:
        prepare_static()
        prepare_metrics()
        command = web_command()
        self.stdout.write(f"Visant listens on {settings.VISANT_HOST} port {settings.PORT}: {settings.VISANT_URL}")
        self.stdout.flush()
        os.chdir(settings.BASE_DIR)
        os.execv(command[0], command)  # noqa: S606
