"""What a camera can be asked for: a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from visant_camera.records import RECORD_ID
from visant_camera.schedule import SCHEDULE


class BadCommand(Exception):
    """It cannot be carried out; the text is a sentence. ``trigger_id`` is "" when it does not name one."""

    def __init__(self, sentence: str, *, trigger_id: str = "") -> None:
        super().__init__(sentence)
        self.trigger_id = trigger_id


@dataclass(frozen=True)
class Wish:
    """A picture that is asked for; ``commanded`` by the server, else by a schedule that is run here."""

    trigger_id: str
    label: str
    kind: str = SCHEDULE
    commanded: bool = True

    @property
    def important(self) -> bool:
        """What a person or a sensor asked for; the next picture of a schedule comes by itself."""
        return self.kind != SCHEDULE


def wish_of(command: dict[str, Any]) -> Wish:
    """The wish a command holds; raises ``BadCommand``."""
    trigger_id, kind = command.get("trigger_id"), command.get("type")
    if not isinstance(trigger_id, str) or not trigger_id:
        raise BadCommand("a command without a trigger_id")
    if not RECORD_ID.fullmatch(trigger_id):
        raise BadCommand("This trigger_id cannot name a picture: it has a slash.", trigger_id=trigger_id)
    if command.get("cmd") != "capture":
        told = str(command.get("cmd"))[:40]
        raise BadCommand(f"This camera knows the command capture, not {told!r}.", trigger_id=trigger_id)
    kind = kind if isinstance(kind, str) and kind else "manual"
    return Wish(trigger_id, _label(command.get("parameters")) or kind, kind)


def _label(parameters: Any) -> Optional[str]:
    label = parameters.get("label") if isinstance(parameters, dict) else None
    return label if isinstance(label, str) and label else None
