"""What stands on the label of a unit: printed by operators, read by the camera and by whoever claims it."""

import json
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

from devices.models import Unit
from orgs.errors import Invalid

# Of what the QR code holds. Whoever reads one refuses a higher one.
LABEL_VERSION = 1


class LabelUnreadable(Invalid):
    code = "label_unreadable"


class LabelTooNew(Invalid):
    code = "label_too_new"


class Label(NamedTuple):
    """What is printed for a unit. ``code`` is grouped; it exists nowhere else."""

    unit: Unit
    code: str

    @property
    def qr_text(self) -> str:
        fields = {
            "visant": LABEL_VERSION,
            "url": settings.VISANT_URL,
            "serial": self.unit.serial,
            "code": self.code,
        }
        return json.dumps(fields, separators=(",", ":"))


class Claim(NamedTuple):
    """What somebody shows of a label. ``serial`` is empty where only the code was typed."""

    code: str
    serial: str = ""


def read_label(text: str) -> Claim:
    """Read what was typed or scanned: the code, the whole text of the QR code, or an address with ``?code=``.

    Raises :class:`LabelUnreadable` or :class:`LabelTooNew`.
    """
    text = text.strip()
    if text.startswith("{"):
        return _read_qr(text)
    if text.lower().startswith(("http://", "https://")):
        return Claim(_some(_code_in(text)))
    return Claim(_some(text))


def _read_qr(text: str) -> Claim:
    try:
        fields = json.loads(text)
        version, code, serial = fields["visant"], fields["code"], fields.get("serial", "")
    except (ValueError, KeyError, RecursionError) as error:
        raise LabelUnreadable("This is not the whole text of a label's QR code.") from error
    if not (isinstance(version, int) and isinstance(code, str) and isinstance(serial, str)):
        raise LabelUnreadable("This is not the text of a label's QR code.")
    if version > LABEL_VERSION:
        raise LabelTooNew("This label was made for a newer Visant than this one.")
    return Claim(_some(code), serial)


def _code_in(address: str) -> str:
    try:
        return parse_qs(urlsplit(address).query).get("code", [""])[0]
    except ValueError:
        return ""


def _some(code: str) -> str:
    if not code.strip():
        raise LabelUnreadable("There is no code in it.")
    return code.strip()
