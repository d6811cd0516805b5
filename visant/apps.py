from django.apps import AppConfig
from django.core import checks


class VisantConfig(AppConfig):
    """The project itself: its commands (serve, demo, scheduler) and the tests across apps."""

    name = "visant"

    def ready(self) -> None:
        from visant.checks import check_backups, check_trusted_proxies

        checks.register(check_trusted_proxies, checks.Tags.security, deploy=True)
        checks.register(check_backups, checks.Tags.database)
