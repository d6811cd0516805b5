"""The demo's yard: what the client paints and the scene evaluator must agree about who is there."""

import pytest
from visant_camera.sources.scene import SceneSource

from captures.evaluation.pictures import Picture, decode_picture
from captures.evaluation.scene import SceneEvaluator
from captures.evaluation.verdicts import Context

pytestmark = pytest.mark.once

LEARNT = 20
PICTURES = 80  # two cycles of its light


def test_only_who_walks_in_is_noticed_once_the_yard_is_learnt():
    yard = SceneSource.from_spec("scene:yard")
    stills: list[Picture] = []
    for number in range(PICTURES):
        taken = next(yard)
        stills.append(decode_picture(taken.data, captured_at=taken.captured_at, sha256=str(number)))
    context = Context(references=lambda: stills[:LEARNT], references_key="yard", reference_count=LEARNT)
    evaluator = SceneEvaluator()
    noticed = [
        number
        for number in range(LEARNT, PICTURES)
        if evaluator.evaluate(stills[number], context).verdict == "abnormal"
    ]
    assert noticed == [number for number in range(LEARNT, PICTURES) if yard.visitor_at(number)]
    assert noticed
