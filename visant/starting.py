"""What a web process looks at before it takes requests; commands run the same as Django's system checks."""

import sys

from django.core.checks import run_checks


def refuse_wrong_storage() -> None:
    """End this process, with a sentence, when the pictures' storage refuses us; an outage passes by itself."""
    wrong = [message for message in run_checks(tags=["storage"]) if message.is_serious()]
    if wrong:
        sys.exit("\n".join(f"Visant cannot start: {message.msg} {message.hint}" for message in wrong))
