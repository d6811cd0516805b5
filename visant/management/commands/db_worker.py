from typing import Any

from django_tasks.signals import task_started
from django_tasks_db.management.commands import db_worker

from visant.schema.gate import wait_for_schema, wait_while_restoring


class Command(db_worker.Command):
    help = f"{db_worker.Command.help}, once the schema is ours."

    def handle(self, **options: Any) -> None:
        wait_for_schema()
        task_started.connect(hold_back)
        super().handle(**options)


def hold_back(**about: Any) -> None:
    """No task begins while a restore is unfinished: the library asks whoever listens before it calls one."""
    wait_while_restoring()
