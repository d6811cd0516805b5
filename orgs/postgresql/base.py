"""Django's PostgreSQL backend, which tells each connection whose rows it may show before it is asked anything."""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from orgs import scope


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection fresh from the pool counts as told nothing known, so what the last user saw cannot leak."""

    _told: str | None = None

    def get_new_connection(self, conn_params: Any) -> Any:
        self._told = None
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        self._tell_scope()
        return super().create_cursor(name)

    def _rollback(self) -> None:
        self._told = None  # a rollback takes back what was told since the transaction began
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._told = None

    def _tell_scope(self) -> None:
        wanted = scope.current()
        if self._told == wanted:
            return
        # A failed transaction takes no more statements but its rollback, which needs no scope.
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            self._told = None
            return
        self.connection.execute("SELECT set_config('visant.scope', %s, false)", [wanted])
        self._told = wanted
