import json
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from orgs.commands import VisantCommand
from orgs.errors import DomainError
from orgs.services.plans import make_activation_code


class Command(VisantCommand):
    help = "Make an activation code, which an owner redeems for more than the plan covers; print it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--camera-slots", type=int, default=0, metavar="N", help="so many cameras more")
        parser.add_argument("--free-months", type=int, default=0, metavar="N", help="the trial ends later")
        parser.add_argument("--trial-days", type=int, default=0, metavar="N", help="the trial ends later")
        parser.add_argument("--max-uses", type=int, default=1, metavar="N", help="by so many organizations")
        parser.add_argument("--valid-until", metavar="MOMENT", help="like 2027-01-31 or 2027-01-31T12:00+01:00")
        parser.add_argument(
            "--email-domain",
            action="append",
            default=[],
            dest="email_domains",
            metavar="DOMAIN",
            help="only for people with a verified address of it; may be given several times",
        )
        parser.add_argument("--note", default="", help="for operators: what it is for")
        parser.add_argument("--json", action="store_true", help='print {"id": …, "code": …}')

    def handle(self, **options: Any) -> None:
        try:
            code, text = make_activation_code(
                acting_user=None,
                device_slots=options["camera_slots"],
                free_months=options["free_months"],
                trial_days=options["trial_days"],
                max_uses=options["max_uses"],
                valid_until=_moment(options["valid_until"]),
                email_domains=options["email_domains"],
                note=options["note"],
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"id": str(code.pk), "code": text}))
        else:
            self.stdout.write(f"{text}  (shown this once)")


def _moment(text: str | None) -> datetime | None:
    """A day is meant as a whole: the code is valid until it ends."""
    if text is None:
        return None
    try:
        day = parse_date(text)
        moment = datetime.combine(day, datetime.max.time()) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is not a moment; one is written like 2027-01-31 or 2027-01-31T12:00+01:00.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
