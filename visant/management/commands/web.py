import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from visant.processes import plain_web_command, prepare_metrics, web_command


class Command(BaseCommand):
    help = "Run the web server alone, as a container does; workers and the scheduler run elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--without-streams",
            action="store_true",
            help="only answer requests, faster; cameras that listen are sent to another server",
        )

    def handle(self, *, without_streams: bool, **options: Any) -> None:
        prepare_metrics()
        command = plain_web_command() if without_streams else web_command()
        self.stdout.write(f"Visant listens on {settings.VISANT_HOST} port {settings.PORT}: {settings.VISANT_URL}")
        self.stdout.flush()
        os.chdir(settings.BASE_DIR)
        os.execv(command[0], command)  # noqa: S606
