from django.apps import AppConfig
from django.core import checks


class CapturesConfig(AppConfig):
    name = "captures"

    def ready(self) -> None:
        from captures.checks import check_evaluators, check_storage

        checks.register(check_evaluators)
        checks.register(check_storage, "storage")
