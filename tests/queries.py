"""What a piece of code asks the database, and how the database finds it."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

EXPLAIN = {"postgresql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}


def statements_of(call: Callable[[], object]) -> list[str]:
    """Return the SQL of every statement that ``call`` sends."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured]


def prepare_plans(table: str) -> None:
    """Let the database plan for the rows that ``table`` has, as it would in an archive of its own.

    Without statistics it plans for a table of another size; and on PostgreSQL the rows of earlier tests, though
    rolled back, still fill the table and its indexes, which makes every way to the others cost something else.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A table is not written anew while a row of it awaits its deferred constraints.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f'CLUSTER "{table}" USING "{table}_pkey"')
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f'ANALYZE "{table}"')


def plans_of(call: Callable[[], object], table: str) -> list[str]:
    """Return how the database would find the rows of each SELECT that ``call`` sends and that reads ``table``."""
    plans: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith("SELECT") and f'FROM "{table}"' in sql:
            with connection.cursor() as cursor:
                cursor.execute(EXPLAIN[connection.vendor] + sql, params)
                plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    prepare_plans(table)
    with connection.execute_wrapper(explain):
        call()
    return plans
