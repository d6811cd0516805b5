"""Rows as text that any database can take back: which tables, in which order, and each value by its field."""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from graphlib import TopologicalSorter
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from django.apps.registry import Apps
from django.db import connections
from django.db.models import Field, JSONField, Model, Value
from django.db.models.sql import InsertQuery
from django.utils.duration import duration_string

# Sessions (people log in again), wake-ups (what is to be done stands in other rows), what was backed up where,
# marks of secrets (a backup has its own), and exports and uploads that were begun, whose files are not kept: they
# are asked for anew.
LEFT_OUT = {
    "sessions.session",
    "django_tasks_database.dbtaskresult",
    "visant.backup",
    "visant.secretmark",
    "captures.export",
    "captures.pendingupload",
}
# Rows that migrating makes, and whose ids others point at: a restore replaces them.
MADE_BY_MIGRATING = ("auth.permission", "contenttypes.contenttype")
BATCH = 500


def models_in_order(registry: Apps) -> list[type[Model]]:
    """Return the models whose rows are backed up, each after those that it points at."""
    models = {
        model._meta.label_lower: model
        for model in registry.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.label_lower not in LEFT_OUT
    }
    graph = {label: sorted(_pointed_at(models[label]) & set(models)) for label in sorted(models)}
    return [models[label] for label in TopologicalSorter(graph).static_order()]


def points_at_itself(model: type[Model]) -> bool:
    return any(field.related_model is model for field in fields_of(model))


def _pointed_at(model: type[Model]) -> set[str]:
    targets = (field.related_model for field in fields_of(model))
    return {target._meta.label_lower for target in targets if isinstance(target, type) and target is not model}


def fields_of(model: type[Model]) -> list[Field]:
    return [field for field in model._meta.concrete_fields if not field.generated]


def header_of(model: type[Model]) -> bytes:
    """The first line of a table: its model, and each column with its type."""
    columns = [[field.attname, field.get_internal_type()] for field in fields_of(model)]
    return line({"model": model._meta.label_lower, "columns": columns})


def rows_of(model: type[Model], alias: str) -> Iterator[bytes]:
    """Yield each row as a line, in the order of the primary key; in memory is one batch."""
    names = [field.attname for field in fields_of(model)]
    key = model._meta.pk.attname
    rows = model._base_manager.using(alias).order_by(key).values_list(*names)
    batch = list(rows[:BATCH])
    while batch:
        for row in batch:
            yield line([_as_json(value) for value in row])
        last = batch[-1][names.index(key)]
        batch = list(rows.filter(**{f"{key}__gt": last})[:BATCH])


def line(value: Any) -> bytes:
    """One spelling for equal values, whatever order a database keeps the keys of JSON in."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _as_json(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str() | list() | dict():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return duration_string(value)
        case UUID() | Decimal() | IPv4Address() | IPv6Address():
            return str(value)
        case bytes() | memoryview():
            return base64.b64encode(value).decode()
    raise TypeError(f"A backup does not know how to write a {type(value).__name__}.")


def insert_rows(model: type[Model], columns: list[str], rows: Iterable[list[Any]], alias: str) -> int:
    """Insert rows as :func:`rows_of` wrote them, ids and moments as they were; return how many.

    Below ``bulk_create``, which would set the moments of ``auto_now`` anew.
    """
    known = {field.attname: field for field in fields_of(model)}
    fields = [known[name] for name in columns]
    size = max(1, min(BATCH, connections[alias].ops.bulk_batch_size(fields, range(BATCH))))
    batch: list[Model] = []
    count = 0
    for row in rows:
        values = {field.attname: _as_field(field, value) for field, value in zip(fields, row, strict=True)}
        batch.append(model(**values))
        if len(batch) == size:
            count += _insert(model, fields, batch, alias)
            batch = []
    return count + (_insert(model, fields, batch, alias) if batch else 0)


def _as_field(field: Any, value: Any) -> Any:
    if value is None:
        # JSON's own null where the column takes no other.
        return Value(None, JSONField()) if isinstance(field, JSONField) and not field.null else None
    return field.to_python(value)


def _insert(model: type[Model], fields: list[Any], batch: list[Model], alias: str) -> int:
    query = InsertQuery(model)
    query.insert_values(fields, batch, raw=True)
    query.get_compiler(using=alias).execute_sql()
    return len(batch)
