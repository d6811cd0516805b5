from typing import Any

from django_tasks_db.management.commands import db_worker

from visant.schema.gate import wait_for_schema


class Command(db_worker.Command):
    help = f"{db_worker.Command.help}, once the schema is ours."

    def handle(self, **options: Any) -> None:
        wait_for_schema()
        super().handle(**options)
