from typing import Any

from django import forms

from devices.services.camera_settings import LONGEST, QUALITIES, SHORTEST, WIDTHS
from orgs.forms import ServiceForm, time_zones


class ConfigurationForm(ServiceForm):
    """What a camera is to do beside its schedules. The names are those of the service's refusals."""

    time_zone = forms.ChoiceField(
        required=False, help_text="Its schedules are told on the clock of this zone, and move with it."
    )
    heartbeat_seconds = forms.IntegerField(
        label="Heartbeat, in seconds",
        min_value=SHORTEST,
        max_value=LONGEST,
        help_text="How often it says that it is well.",
    )
    poll_seconds = forms.IntegerField(
        label="Looks for changes, in seconds",
        min_value=SHORTEST,
        max_value=LONGEST,
        help_text="How often it fetches this configuration. One that listens is told of changes at once.",
    )
    picture_max_width = forms.IntegerField(
        label="Largest width of pictures, in pixels",
        min_value=WIDTHS[0],
        max_value=WIDTHS[1],
        required=False,
        help_text="Empty: as they are taken.",
    )
    picture_quality = forms.IntegerField(
        label="JPEG quality of pictures",
        min_value=QUALITIES[0],
        max_value=QUALITIES[1],
        required=False,
        help_text="10 to 100. Empty: as they are taken.",
    )

    def __init__(self, *args: Any, organization_zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = [("", f"As the organization: {organization_zone}"), *time_zones()]
        chosen = self.initial.get("time_zone", "")
        if chosen not in dict(zones):  # so that saving something else does not change it
            zones.append((chosen, f"{chosen} (not known any more)"))
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined] # a ChoiceField

    def wanted(self) -> dict[str, Any]:
        """Return what was chosen, as the service takes it."""
        given = dict(self.cleaned_data)
        given["picture"] = {name: given.pop(f"picture_{name}") for name in ("max_width", "quality")}
        return given
