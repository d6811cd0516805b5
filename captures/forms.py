from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from captures.evaluation.regions import parse_polygons
from captures.models import CaptureQuerySet, State
from devices.models import Device, DeviceQuerySet
from orgs.forms import DayField, ServiceForm, midnight

UNJUDGED = "unjudged"


class TimelineFilter(forms.Form):
    """Which pictures of an organization are shown. Days are days in the current time zone."""

    camera: "forms.ModelChoiceField[Device]" = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="All cameras"
    )
    verdict = forms.ChoiceField(
        choices=[("", "Any verdict"), *State.choices, (UNJUDGED, "Not judged")], required=False
    )
    day = DayField(required=False)

    def __init__(self, *args: Any, devices: DeviceQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField, self.fields["camera"]).queryset = devices.by_name()

    @property
    def end(self) -> datetime | None:
        """The moment before which pictures are asked for."""
        day = self.cleaned_data["day"]
        return midnight(day + timedelta(days=1)) if day else None

    def narrow(self, captures: CaptureQuerySet) -> CaptureQuerySet:
        """Return those of ``captures`` that are asked for; none when the question is not understood."""
        if not self.is_valid():
            return captures.none()
        verdict, camera = self.cleaned_data["verdict"], self.cleaned_data["camera"]
        found = captures.unjudged() if verdict == UNJUDGED else captures.matching(state=verdict)
        if camera:
            found = found.filter(device=camera)
        if day := self.cleaned_data["day"]:
            found = found.matching(since=midnight(day), until=midnight(day + timedelta(days=1)))
        return found


class LabelForm(ServiceForm):
    """What a person says a picture is. ``reference`` unsaid is None."""

    verdict = forms.CharField()
    reference = forms.TypedChoiceField(
        choices=[("yes", "yes"), ("no", "no")],
        required=False,
        empty_value=None,
        coerce=lambda word: word == "yes",
    )


class PolygonsField(forms.CharField):
    """Polygons as people write them: one a line, corners ``across,down`` in percent. Their value is fractions."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        lines = [line for line in (value or "").splitlines() if line.strip()]
        try:
            polygons = [
                [_parse_corner(corner, number) for corner in line.split()] for number, line in enumerate(lines, 1)
            ]
            return [[list(point) for point in polygon] for polygon in parse_polygons(polygons)]
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return "\n".join(_write_polygon(polygon) for polygon in value)


def _polygon_attributes(name: str) -> dict[str, str]:
    described_by = f"id_{name}_helptext polygon-help id_{name}_error"
    return {"rows": "3", "spellcheck": "false", "aria-describedby": described_by}


class DefinitionForm(ServiceForm):
    text = forms.CharField(
        label="In words",
        required=False,
        max_length=4000,
        help_text="What belongs here, and what does not: “The gate is closed. Cars may stand on the left.”",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    regions = PolygonsField(
        label="Regions of interest",
        required=False,
        help_text="Only what happens inside counts; without any, the whole picture.",
        widget=forms.Textarea(attrs=_polygon_attributes("regions")),
    )
    ignore_regions = PolygonsField(
        label="Ignored",
        required=False,
        help_text="What happens inside never counts.",
        widget=forms.Textarea(attrs=_polygon_attributes("ignore_regions")),
    )


def _parse_corner(corner: str, number: int) -> list[float]:
    try:
        across, down = corner.split(",")
        return [_fraction(across), _fraction(down)]
    except ValueError:
        raise ValueError(f"Polygon {number}: “{corner}” is no corner; one is written like 12.5,80.") from None


def _fraction(percent: str) -> float:
    # Percent with two decimals are fractions with four; rounded, so that 35 becomes 0.35 and stays 35.
    return round(float(percent) / 100, 6)


def _write_polygon(polygon: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{round(x * 100, 4):g},{round(y * 100, 4):g}" for x, y in polygon)
