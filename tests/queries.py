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


def plans_of(call: Callable[[], object], table: str) -> list[str]:
    """Return how the database would find the rows of each SELECT that ``call`` sends and that reads ``table``.

    Statistics are made first: without any, a database plans for a table of another size.
    """
    plans: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith("SELECT") and f'FROM "{table}"' in sql:
            with connection.cursor() as cursor:
                cursor.execute(EXPLAIN[connection.vendor] + sql, params)
                plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.cursor() as cursor:
        cursor.execute(f'ANALYZE "{table}"')
    with connection.execute_wrapper(explain):
        call()
    return plans
