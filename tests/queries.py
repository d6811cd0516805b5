"""What a piece of code asks the database."""

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext


def statements_of(call: Callable[[], object]) -> list[str]:
    """Return the SQL of every statement that ``call`` sends."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured]
