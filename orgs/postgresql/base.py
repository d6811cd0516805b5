"""Django's PostgreSQL backend, which tells each connection whose rows it may show before it is asked anything.

The word stands in the session, not in a transaction, so that queries outside of one need no second round trip.
It is told before every statement that comes with another scope than the one before. What may have taken it back
behind our back (a rollback, a connection fresh from the pool) counts as "told nothing known".
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import sql
from psycopg.pq import TransactionStatus

from orgs import scope


class DatabaseWrapper(base.DatabaseWrapper):
    """``_told`` is what the session is known to have been told, None when that is not known."""

    _told: str | None = None
    # Told inside a transaction: how that ended decides whether it still holds.
    _told_for_now = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A cursor may be used under another scope than the one it was made under.
        self.execute_wrappers.append(self._tell_and_execute)

    def connect(self) -> None:
        """A connection from the pool still shows what its last user might see: it is told before anything else."""
        super().connect()
        self._tell_scope()

    def get_new_connection(self, conn_params: Any) -> Any:
        self._told = None
        return super().get_new_connection(conn_params)

    def _configure_role(self, connection: Any) -> bool:
        """Assume the role the URL names (``assume_role``). True when that is to be committed.

        Django asks the pool for another connection to write the statement, which waits for this one.
        """
        role = self.settings_dict["OPTIONS"].get("assume_role")
        if not role:
            return False
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return True

    def create_cursor(self, name: str | None = None) -> Any:
        self._tell_scope()
        return super().create_cursor(name)

    def _tell_and_execute(self, execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        self._tell_scope()
        return execute(statement, params, many, context)

    def _savepoint_rollback(self, sid: str) -> None:
        try:
            super()._savepoint_rollback(sid)  # type: ignore[misc] # the stubs leave it out
        finally:
            self._told = None

    def _tell_scope(self) -> None:
        wanted = scope.current()
        status = self.connection.info.transaction_status
        if self._told_for_now and status == TransactionStatus.IDLE:
            self._told = None  # the transaction is over: if it was rolled back, so was what it was told
        if self._told == wanted:
            return
        self._told = None
        # A failed transaction takes no more statements but its rollback, which needs no scope.
        if status == TransactionStatus.INERROR:
            return
        with self.wrap_database_errors:
            self.connection.execute("SELECT set_config('visant.scope', %s, false)", [wanted])
        self._told = wanted
        self._told_for_now = status == TransactionStatus.INTRANS or not self.connection.autocommit
