"""What goes wrong while a picture is sent."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import Optional

from visant_camera.simulate.ledger import Ledger
from visant_camera.simulate.line import Answer, Line, Lost
from visant_camera.simulate.pictures import Shot

PATH = "/v1/captures"


def attempt(line: Line, shot: Shot, rng: random.Random, ledger: Ledger) -> Optional[Answer]:
    """Send once, with the picture's mishap if that is still due. None: it went wrong, as it was meant to.

    Raises ``Lost`` when the line broke by itself.
    """
    mishap, shot.due = (shot.kind if shot.due else ""), False
    if mishap in ("hung up", "unanswered"):
        ledger.note(mishap)
        part = rng.uniform(0.1, 0.9) if mishap == "hung up" else 1.0
        line.hang_up_during(PATH, shot.data, shot.headers, part=part)
        return None
    if mishap == "half":
        _send_half(line, shot, ledger)
        return None
    if mishap == "at once":
        return _send_twice_at_once(line, shot, ledger)
    if shot.kind == "wrong key":
        return line.post(PATH, shot.data, shot.headers, key=f"vis_dev_{rng.getrandbits(64):016x}_{'x' * 32}")
    return line.post(PATH, shot.data, shot.headers)


def send_again(line: Line, shot: Shot, ledger: Ledger) -> None:
    """Send what is acknowledged once more; only the same receipt with 200 is right, or to be asked to wait."""
    ledger.note("sent again")
    try:
        answer = line.post(PATH, shot.data, shot.headers)
    except Lost:
        return
    known = answer.status == 200 and answer.body.get("record_id") == shot.record_id
    if not known and answer.body.get("retryable") is not True:
        ledger.contradict(f"{shot.record_id}, sent again, was answered {answer.status} {answer.code}")


def _send_half(line: Line, shot: Shot, ledger: Ledger) -> None:
    ledger.note("half")
    answer = line.post_half(PATH, shot.data, shot.headers)
    if answer.status in (200, 201):
        ledger.contradict(f"half of {shot.record_id} was acknowledged")


def _send_twice_at_once(line: Line, shot: Shot, ledger: Ledger) -> Answer:
    ledger.note("at once")
    other = line.another()
    answers: list[Answer] = []

    def post(by: Line) -> None:
        with contextlib.suppress(Lost):
            answers.append(by.post(PATH, shot.data, shot.headers))

    # A pool's threads would hold up the end of a simulation that is over.
    second = threading.Thread(target=post, args=(other,), name="at once", daemon=True)
    second.start()
    post(line)
    second.join()
    other.close()
    if not answers:
        raise Lost("both")
    if [answer.status for answer in answers] == [201, 201]:
        ledger.contradict(f"{shot.record_id}, sent twice at once, was new twice")
    # A receipt is a receipt, whatever the other one heard.
    return min(answers, key=lambda answer: answer.status)
