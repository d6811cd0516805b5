"""The sheet of labels that operators print: A4, 99.1 × 38.1 mm, fourteen on each."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import qrcode
import qrcode.image.svg
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from devices.services.labels import Label
from orgs.absolute import absolute_url

LABELS_ON_A_SHEET = 14
STYLESHEET = settings.BASE_DIR / "static" / "labels.css"


def sheet_context(labels: Sequence[Label]) -> dict[str, Any]:
    """What ``devices/_labels.html`` needs."""
    return {"sheets": list(_sheets(labels)), "claim_url": absolute_url("claim")}


def labels_file(labels: Sequence[Label]) -> str:
    """Return the sheets as one HTML file that needs nothing else."""
    style = mark_safe(STYLESHEET.read_text())  # noqa: S308 - our own file
    return render_to_string("devices/labels_file.html", {**sheet_context(labels), "style": style})


def why_labels_lead_nowhere() -> str:
    """Return the sentence why cameras elsewhere cannot follow what is printed now, or ""."""
    if urlsplit(settings.VISANT_URL).hostname not in ("localhost", "127.0.0.1", "::1"):
        return ""
    return f"These labels say {settings.VISANT_URL}, where only this machine finds Visant: set VISANT_URL first."


def qr_svg(text: str) -> SafeString:
    """Return the QR code of a text as an ``<svg>`` element without any style."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(text)
    image = code.make_image(image_factory=qrcode.image.svg.SvgPathImage)
    drawn: str = image.to_string(encoding="unicode")
    return mark_safe(drawn)  # noqa: S308 - paths that the library drew


def _sheets(labels: Sequence[Label]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(labels), LABELS_ON_A_SHEET):
        yield [
            {"unit": label.unit, "code": label.code, "qr": qr_svg(label.qr_text)}
            for label in labels[start : start + LABELS_ON_A_SHEET]
        ]
