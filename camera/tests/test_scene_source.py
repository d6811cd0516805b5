from __future__ import annotations

import io
import subprocess
import sys

import pytest

from visant_camera.sources import SourceError, open_source

pytest.importorskip("PIL")

from PIL import Image, ImageChops, ImageStat

from visant_camera.sources.scene import SceneSource


def scene(spec: str = "scene:yard?seed=7") -> SceneSource:
    return SceneSource.from_spec(spec)


def brightness(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).mean[0]


def test_a_frame_is_a_640_by_480_jpeg() -> None:
    picture = next(open_source("scene:", interval=10, once_through=False))
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, image.size, picture.content_type) == ("JPEG", (640, 480), "image/jpeg")
    assert picture.metadata == {"frame": 0}


def test_seed_and_number_alone_decide_a_frame() -> None:
    one, other = scene(), scene()
    assert [next(one).data for _ in range(3)] == [next(other).data for _ in range(3)]
    assert scene("scene:?seed=8").paint(0) != scene().paint(0)


def test_no_two_frames_are_equal_and_neighbours_differ_a_little() -> None:
    source = scene()
    frames = [source.paint(number) for number in range(6)]
    for earlier, later in zip(frames, frames[1:]):
        difference = sum(ImageStat.Stat(ImageChops.difference(earlier, later)).mean) / 3
        assert 1 < difference < 8


def test_the_light_drifts_gently_through_its_cycle_and_stays_daylight() -> None:
    source = scene("scene:yard?seed=7&cycle=20")
    levels = [brightness(source.paint(number)) for number in range(20)]
    assert min(levels) > 80
    assert max(levels) - min(levels) > 8
    assert max(abs(a - b) for a, b in zip(levels, levels[1:])) < 12


def test_night_is_dark_only_when_it_is_asked_for() -> None:
    assert brightness(scene("scene:yard?night=yes").paint(0)) < 40


def test_nobody_comes_in_the_first_pictures_and_then_someone_in_every_fifth() -> None:
    for seed in range(5):
        source = scene(f"scene:yard?seed={seed}")
        seen = [source.visitor_at(number) is not None for number in range(24 + 1700)]
        assert not any(seen[:24])
        assert 0.17 < sum(seen[24:]) / 1700 < 0.24
        visits = "".join("x" if here else " " for here in seen).split()
        assert {len(visit) for visit in visits} == {3, 4}


def test_a_visitor_is_seen_at_natural_size() -> None:
    source, nobody = scene(), scene("scene:yard?seed=7&quiet=1000")
    visits = [number for number in range(24, 100) if source.visitor_at(number)]
    for number in visits:
        changed = ImageChops.difference(source.paint(number), nobody.paint(number)).convert("L")
        share = sum(changed.point(lambda level: level > 12).histogram()[1:]) / (640 * 480)
        assert 0.025 < share < 0.09  # the shadow on the ground included


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("scene:beach", "There is no painted scene 'beach'"),
        ("scene:yard?sede=7", "scene:yard has no 'sede'"),
        ("scene:yard?cycle=1", "scene:yard needs a whole number of at least 2 for cycle, not '1'"),
        ("scene:yard?quiet=-1", "scene:yard needs a whole number of at least 0 for quiet, not '-1'"),
    ],
)
def test_a_wrong_scene_is_refused_with_a_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(SourceError, match="^" + sentence.replace("?", r"\?")):
        scene(spec)


@pytest.mark.parametrize(
    ("module", "spec", "sentence"),
    [
        ("PIL", "scene:", 'The painted scene needs Pillow: pip install "visant-camera[scene]".'),
        ("cv2", "webcam:0", 'Video needs OpenCV: pip install "visant-camera[video]".'),
    ],
)
def test_a_missing_extra_is_named(module: str, spec: str, sentence: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from visant_camera.cli import main\n"
        f"sys.exit(main(['--source', {spec!r}, '--url', 'http://localhost', '--key', 'k']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (2, f"visant-camera: {sentence}\n")
