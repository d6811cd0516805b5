from django.apps import AppConfig


class VisantConfig(AppConfig):
    """The project itself: its commands (serve, demo, scheduler) and the tests across apps."""

    name = "visant"

    def ready(self) -> None:
        from visant import checks  # noqa: F401 - registers them
