"""A row's own rules, told as a refusal."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.text import capfirst

from orgs.errors import Invalid


def validate(row: Model, refusal: type[Invalid], *, besides: Collection[str] = ()) -> None:
    """Check fields and constraints of a row, and raise ``refusal`` with a sentence for each that is wrong.

    The sentence calls a field as people do. ``besides`` are fields that nobody has filled in yet.
    """
    try:
        row.full_clean(exclude=besides)
    except ValidationError as error:
        fields = {field: " ".join(texts) for field, texts in error.message_dict.items()}
        sentences = [
            text if field == "__all__" else f"{_label(row, field)}: {text}" for field, text in fields.items()
        ]
        raise refusal(" ".join(sentences), fields=fields) from error


def _label(row: Model, field: str) -> str:
    column: Any = row._meta.get_field(field)
    return capfirst(str(column.verbose_name))
