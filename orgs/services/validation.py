"""A row's own rules, told as a refusal."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db.models import Model

from orgs.errors import Invalid


def validate(row: Model, refusal: type[Invalid], *, besides: Collection[str] = ()) -> None:
    """Check fields and constraints of a row, and raise ``refusal`` with a sentence for each that is wrong.

    ``besides`` are fields that nobody has filled in yet.
    """
    try:
        row.full_clean(exclude=besides)
    except ValidationError as error:
        sentences = [
            " ".join(texts) if field == "__all__" else f"{field}: {' '.join(texts)}"
            for field, texts in error.message_dict.items()
        ]
        raise refusal(" ".join(sentences)) from error
