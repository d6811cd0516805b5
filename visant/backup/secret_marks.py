"""Which peppers the keys in the database are digested with: of each a fingerprint is kept when it is first seen.

A pepper of the same number and another fingerprint opens none of them, on a host that made its own as after a
restore without the secrets. A number that is not there any more was taken out, which is told where its keys are.
"""

from collections.abc import Mapping

from visant.backup.secret_keys import PEPPERS, pepper_fingerprints
from visant.models import SecretMark


def note_peppers() -> None:
    """Keep a mark of each pepper here whose number has none yet."""
    _keep(pepper_fingerprints(but=set(SecretMark.objects.values_list("name", flat=True))))


def replace_marks(marks: Mapping[str, str]) -> None:
    """Keep these instead, which are those of the rows that just came."""
    SecretMark.objects.all().delete()
    _keep(marks)


def wrong_peppers() -> list[str]:
    """Return those that are not the ones which keys were digested with."""
    here = pepper_fingerprints()
    return [name for name, mark in SecretMark.objects.values_list("name", "mark") if here.get(name, mark) != mark]


def _keep(marks: Mapping[str, str]) -> None:
    rows = [SecretMark(name=name, mark=mark) for name, mark in marks.items() if name.startswith(PEPPERS)]
    SecretMark.objects.bulk_create(rows, ignore_conflicts=True)
