"""What the serializers of people's programs share."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class In(serializers.Serializer[Any]):
    """What is sent. A field that is not known is refused: misspelt, it would silently not do what was meant."""

    def to_internal_value(self, data: Any) -> Any:
        known = super().to_internal_value(data)
        unknown = sorted(set(data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(unknown, "There is no such field."))
        return known


class SecretField(serializers.CharField):
    """A password as it was typed, with its spaces. Hashing one without end would be an attack."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, max_length=1000, style={"input_type": "password"}, **options)


def received(kind: type[In], request: Request) -> dict[str, Any]:
    """Return the fields that were sent, as ``kind`` has them; what is wrong with them is a 400."""
    incoming = kind(data=request.data)
    incoming.is_valid(raise_exception=True)
    return dict(incoming.validated_data)
