"""How well, and how fast, the offline evaluators judge a folder of labelled stills of one camera.

    python -m bench.evaluate FOLDER [--references 15] [--seeds 10] [--region lower:0.65]

FOLDER holds ``labels.csv`` (``file,label`` with ``normal`` or ``abnormal``) and the pictures; file names
sort by time. References are taken from the normal pictures, all others are judged. ``--contaminated 20``
also tries references drawn from all pictures, which is what a camera nobody attends to learns from.
"""

import argparse
import csv
import hashlib
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2

from captures.evaluation.pictures import Picture, decode_picture
from captures.evaluation.regions import Region
from captures.evaluation.scene import SceneEvaluator
from captures.evaluation.usability import UsabilityEvaluator
from captures.evaluation.verdicts import Context

EXTENT: dict[str, Callable[[float], Region]] = {
    "lower": lambda share: [(0, 1 - share), (1, 1 - share), (1, 1), (0, 1)],
    "upper": lambda share: [(0, 0), (1, 0), (1, share), (0, share)],
    "left": lambda share: [(0, 0), (share, 0), (share, 1), (0, 1)],
    "right": lambda share: [(1 - share, 0), (1, 0), (1, 1), (1 - share, 1)],
}


@dataclass(frozen=True)
class Still:
    file: str
    is_abnormal: bool
    data: bytes
    picture: Picture


@dataclass(frozen=True)
class Outcome:
    """Counts of one trial. What is uncertain was not called abnormal, so it misses an abnormal picture."""

    hits: int
    false_alarms: int
    misses: int
    uncertain: int
    highest_normal: float
    lowest_abnormal: float
    wrong: tuple[str, ...]

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + self.misses)


def main() -> None:
    options = parse_arguments()
    cv2.setNumThreads(1)
    stills = read_stills(options.folder)
    normal = [still for still in stills if not still.is_abnormal]
    count, region = options.references, options.region
    print(f"{len(stills)} pictures, {len(normal)} normal; region: {options.region_text or 'whole picture'}\n")
    print(f"{'references':<26}{'prec':>6}{'recall':>7}{'false':>7}{'missed':>7}{'unsure':>7}", end="")
    print(f"{'normal ≤':>10}{'abn ≥':>7}")
    show(f"first {count} normal", try_references(stills, normal[:count], 0, region))
    show(f"first {count} normal, marked", try_references(stills, normal[:count], count, region))
    draw_many(f"random {count} normal", options.seeds, stills, normal, count, 0, region)
    draw_many("random 5 normal, marked", options.seeds, stills, normal, 5, 5, region)
    if options.contaminated:
        many = options.contaminated
        mixed = stills[:many]
        dirty = sum(still.is_abnormal for still in mixed)
        show(f"first {many} of all ({dirty} abn.)", try_references(stills, mixed, 0, region))
        draw_many(f"random {many} of all", options.seeds, stills, stills, many, 0, region)
    print()
    show_speed(stills, normal[:count], region)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--references", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=0, help="random choices of references to try as well")
    parser.add_argument(
        "--contaminated", type=int, default=0, metavar="N", help="also learn from N of all pictures"
    )
    parser.add_argument("--region", dest="region_text", help="lower:0.65, upper:, left: or right: and a share")
    options = parser.parse_args()
    options.region = ()
    if options.region_text:
        side, _, share = options.region_text.partition(":")
        if side not in EXTENT:
            parser.error(f"--region must start with one of {', '.join(EXTENT)}.")
        options.region = (EXTENT[side](float(share)),)
    return options


def read_stills(folder: Path) -> list[Still]:
    stills: list[Still] = []
    with (folder / "labels.csv").open(newline="") as rows:
        for row in sorted(csv.DictReader(rows), key=lambda row: row["file"]):
            data = (folder / row["file"]).read_bytes()
            moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=len(stills))
            picture = decode_picture(data, captured_at=moment, sha256=hashlib.sha256(data).hexdigest())
            stills.append(Still(row["file"], row["label"] == "abnormal", data, picture))
    return stills


def make_context(references: Sequence[Still], marked: int, region: tuple[Region, ...]) -> Context:
    return Context(
        references=lambda: [still.picture for still in references],
        references_key=",".join(still.file for still in references),
        reference_count=len(references),
        references_needed=len(references),
        marked_count=marked,
        regions=region,
    )


def try_references(
    stills: Sequence[Still], references: Sequence[Still], marked: int, region: tuple[Region, ...]
) -> Outcome:
    """Judge every picture that is not a reference, as the service would: usability first."""
    context = make_context(references, marked, region)
    usability, scene = UsabilityEvaluator(), SceneEvaluator()
    used = {still.file for still in references}
    hits = false_alarms = misses = uncertain = 0
    scores: dict[bool, list[float]] = {True: [], False: []}
    wrong = []
    for still in stills:
        if still.file in used:
            continue
        problem = usability.find_problem(still.picture, context)
        verdict = None if problem else scene.evaluate(still.picture, context)
        called = verdict.verdict if verdict else "uncertain"
        hits += called == "abnormal" and still.is_abnormal
        false_alarms += called == "abnormal" and not still.is_abnormal
        misses += called != "abnormal" and still.is_abnormal
        uncertain += called == "uncertain"
        if verdict and verdict.score is not None:
            scores[still.is_abnormal].append(verdict.score)
        if (called == "abnormal") != still.is_abnormal or called == "uncertain":
            wrong.append(f"{still.file} {called}")
    return Outcome(
        hits,
        false_alarms,
        misses,
        uncertain,
        max(scores[False], default=0.0),
        min(scores[True], default=1.0),
        tuple(wrong),
    )


def draw_many(
    title: str,
    seeds: int,
    stills: Sequence[Still],
    pool: Sequence[Still],
    count: int,
    marked: int,
    region: tuple[Region, ...],
) -> None:
    """Try as many random choices as there are seeds; a line each, then mean and minimum."""
    outcomes = []
    for seed in range(seeds):
        references = sorted(random.Random(seed).sample(list(pool), count), key=lambda still: still.file)
        outcomes.append(try_references(stills, references, marked, region))
        dirty = sum(still.is_abnormal for still in references)
        show(f"{title} #{seed}" + (f" ({dirty} abn.)" if dirty else ""), outcomes[-1])
    for name, summary in (("mean", statistics.fmean), ("min", min)) if outcomes else ():
        precision = summary([outcome.precision for outcome in outcomes])
        recall = summary([outcome.recall for outcome in outcomes])
        print(f"{'  ' + title + ', ' + name:<26}{precision:6.3f}{recall:7.3f}")


def show(title: str, outcome: Outcome) -> None:
    print(
        f"{title:<26}{outcome.precision:6.3f}{outcome.recall:7.3f}{outcome.false_alarms:7}{outcome.misses:7}"
        f"{outcome.uncertain:7}{outcome.highest_normal:10.2f}{outcome.lowest_abnormal:7.2f}"
        f"  {', '.join(outcome.wrong[:4])}"
    )


def show_speed(stills: Sequence[Still], references: Sequence[Still], region: tuple[Region, ...]) -> None:
    """Time one picture at 640 × 480 on one thread, against plain decoding and differencing in the same run."""
    data = enlarge(stills[-1].picture, 640, 480)
    large = [Still(still.file, False, b"", read(enlarge(still.picture, 640, 480))) for still in references]
    context = make_context(large, 0, region)
    background = large[0].picture.gray
    usability, scene = UsabilityEvaluator(), SceneEvaluator()

    def judge() -> None:
        picture = read(data)
        usability.find_problem(picture, context)
        scene.evaluate(picture, context)

    baseline = median_time(lambda: cv2.absdiff(read(data).gray, background))
    started = time.perf_counter()
    judge()
    first = 1000 * (time.perf_counter() - started)
    judged = median_time(judge)
    print(f"640 × 480, one thread, model fitted: decode + difference {baseline:.1f} ms, ", end="")
    print(f"decode + usability + scene {judged:.1f} ms ({judged / baseline:.1f} times); fitting {first:.0f} ms")


def read(data: bytes) -> Picture:
    return decode_picture(data, captured_at=datetime.now(UTC), sha256="")


def enlarge(picture: Picture, width: int, height: int) -> bytes:
    large = cv2.resize(picture.color, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def median_time(work: Callable[[], object], rounds: int = 25) -> float:
    """Median milliseconds of one call, after two calls that do not count."""
    times = []
    for turn in range(rounds + 2):
        started = time.perf_counter()
        work()
        if turn >= 2:
            times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


if __name__ == "__main__":
    main()
