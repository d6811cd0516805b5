"""The form that an export must have, looked at before an organization is founded for it.

What stands in the lists of captures is looked at one by one: of those each can be refused for itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from captures.evaluation.models import validate_polygons
from captures.leaving.archive import ArchiveReader, ArchiveRefused
from captures.leaving.arrivals import moment_of
from captures.moving.outcomes import Refused
from devices.models import Device
from orgs.models.organizations import validate_time_zone
from orgs.storable import NotStorable, refuse_unstorable

LARGEST_INTEGER = 2**31 - 1
# Of one camera with all its definitions and schedules, or of one capture with its evaluations.
LONGEST = 16 * 1024 * 1024
MOST_SHOWN = 3


@dataclass(frozen=True)
class Told:
    """What an export tells but for its captures, of which it tells how many there are."""

    organization: dict[str, Any]
    cameras: list[dict[str, Any]]
    captures: int


def read_told(reader: ArchiveReader) -> Told:
    """Raises :class:`ArchiveRefused` with a sentence that says where something is missing or wrong."""
    manifest = _checked(ManifestIn(data=reader.manifest), "The manifest")
    try:
        cameras = reader.read("cameras.json")
        for camera in cameras if isinstance(cameras, list) else ():
            refuse_unstorable(camera, limit=LONGEST)
    except NotStorable as error:
        raise ArchiveRefused(f"cameras.json of the export is not as it should be: a camera {error}") from error
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused("cameras.json of the export is no JSON.") from error
    told = _checked(CameraIn(data=cameras, many=True), "cameras.json")
    return Told(manifest["organization"], told, manifest["counts"]["captures"])


class _Id(serializers.UUIDField):
    """As captures name it: a text."""

    def to_internal_value(self, data: Any) -> Any:
        return str(super().to_internal_value(data))


class _Text(serializers.CharField):
    """Kept to the letter, and possibly empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **options)


class _Moment(serializers.CharField):
    """With its offset; left as the text it is."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            moment_of(text)
        except Refused as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal
        return text


class _Count(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=LARGEST_INTEGER, **options)


class OrganizationIn(serializers.Serializer[Any]):
    name = serializers.CharField()
    slug = serializers.CharField()
    time_zone = serializers.CharField()
    retention_days = _Count(allow_null=True)
    retention = serializers.DictField(allow_null=True, required=False)


class CountsIn(serializers.Serializer[Any]):
    captures = _Count()


class ManifestIn(serializers.Serializer[Any]):
    organization = OrganizationIn()
    counts = CountsIn()


class RuleIn(serializers.Serializer[Any]):
    cron = _Text()
    interval_seconds = _Count(allow_null=True)
    weekdays = serializers.ListField(child=_Count())
    quiet_from = serializers.TimeField(allow_null=True)
    quiet_until = serializers.TimeField(allow_null=True)
    jitter_seconds = _Count()


class ScheduleIn(serializers.Serializer[Any]):
    # Not ``label``: that is a field's own name in a form.
    enabled = serializers.BooleanField()
    removed_at = _Moment(allow_null=True)
    rules = RuleIn(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "label": _Text()}


class DefinitionIn(serializers.Serializer[Any]):
    version = _Count()
    text = _Text()
    regions = serializers.JSONField(validators=[validate_polygons])
    ignore_regions = serializers.JSONField(validators=[validate_polygons])
    references_from = _Moment(allow_null=True)
    active = serializers.BooleanField()
    created_at = _Moment()


class CameraIn(serializers.Serializer[Any]):
    id = _Id()
    name = serializers.CharField(trim_whitespace=False)
    external_id = _Text(required=False, default="", max_length=Device._meta.get_field("external_id").max_length)
    time_zone = serializers.CharField(allow_blank=True, validators=[validate_time_zone])
    created_at = _Moment()
    suspended_at = _Moment(allow_null=True)
    retired_at = _Moment(allow_null=True)
    configuration = serializers.DictField()
    schedules = ScheduleIn(many=True)
    definitions = DefinitionIn(many=True)
    retention = serializers.DictField(allow_null=True, required=False)


def _checked(shape: Any, what: str) -> Any:
    if shape.is_valid():
        return shape.validated_data
    wrong = list(_sentences(shape.errors))
    more = f" And {len(wrong) - MOST_SHOWN} more." if len(wrong) > MOST_SHOWN else ""
    raise ArchiveRefused(f"{what} of the export is not as it should be: {' '.join(wrong[:MOST_SHOWN])}{more}")


def _sentences(errors: Any, path: str = "") -> Iterator[str]:
    """Each with the place that it speaks of, like ``3.schedules.0.label``."""
    if isinstance(errors, dict):
        parts = list(errors.items())
    elif all(isinstance(one, str) for one in errors):
        yield f"{path}: {' '.join(errors)}" if path else " ".join(errors)
        return
    else:
        parts = list(enumerate(errors))
    for name, inner in parts:
        if inner:
            yield from _sentences(inner, f"{path}.{name}" if path else str(name))
