from __future__ import annotations

import stat
from pathlib import Path

import pytest

from visant_camera.configfile import ConfigError, ConfigFile
from visant_camera.keys import KeyRing, KeyStore
from visant_camera.options import OptionError, read_options

WRITTEN = """# the camera at gate 2
[visant-camera]
url = https://visant.example.com
key = vis_dev_old
device = 0193
source: webcam:0

; every ten minutes
interval = 600
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "camera.conf"
    path.write_text(WRITTEN)
    path.chmod(0o600)
    return path


def test_fields_are_read(path: Path) -> None:
    options = read_options([], {"VISANT_CAMERA_CONFIG": str(path), "HOME": "/nowhere"})
    assert (options.url, options.key, options.device) == ("https://visant.example.com", "vis_dev_old", "0193")
    assert (options.source, options.interval, options.count) == ("webcam:0", 600.0, None)


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(path: Path) -> None:
    environment = {"VISANT_CAMERA_CONFIG": str(path), "VISANT_CAMERA_INTERVAL": "60", "VISANT_CAMERA_SOURCE": "x"}
    options = read_options(["--interval", "6"], environment)
    assert (options.interval, options.source) == (6.0, "x")


def test_a_key_from_elsewhere_does_not_go_with_the_files_device(path: Path) -> None:
    options = read_options(["--config", str(path), "--key", "vis_dev_other"], {})
    assert (options.key, options.device, options.key_home) == ("vis_dev_other", "", None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("interval = 6\n", "must begin with the line [visant-camera]"),
        ("[visant-camera]\ninterval = fast\n", "interval must be a number of at least 0, not 'fast'"),
        ("[visant-camera]\nintervall = 6\n", "there is no field 'intervall'; the fields are code, device"),
        ("[visant-camera]\nkey = a\nkey = b\n", "key stands there twice (line 3)"),
        ("[visant-camera]\nkey\n", "line 2 is not of the form name = value"),
        ("[visant-camera]\n[more]\n", "there is only the section [visant-camera], not [more]"),
        ("[visant-camera]\nurl = visant\n", "url) must look like https://visant.example.com"),
        ("[visant-camera]\nverbose = loud\n", "verbose must be yes or no, not 'loud'"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_field(path: Path, text: str, sentence: str) -> None:
    base = "url = http://h\nkey = k\nsource = .\n" if "url" not in text and "key" not in text else "source = .\n"
    if text.startswith("[") and "[more]" not in text:
        text = (
            text.replace("\n", "\n" + base, 1) if "line 2" not in sentence and "line 3" not in sentence else text
        )
    path.write_text(text)
    with pytest.raises(OptionError) as refusal:
        read_options(["--config", str(path), *(["--key", "k"] if "url" in sentence else [])], {})
    assert sentence in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_file_that_is_named_and_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"The config file .*nothing.conf does not exist\."):
        read_options(["--config", str(tmp_path / "nothing.conf")], {})


def test_writing_back_keeps_comments_order_and_mode(path: Path) -> None:
    path.chmod(0o640)
    ConfigFile(path).update({"key": "vis_dev_new", "old_key": "vis_dev_old", "interval": ""})
    expected = WRITTEN.replace("key = vis_dev_old", "key = vis_dev_new").replace("interval = 600\n", "")
    assert path.read_text() == expected + "old_key = vis_dev_old\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_new_file_is_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config"
    ConfigFile(path).update({"url": "https://v", "key": "k"})
    assert path.read_text() == "[visant-camera]\nurl = https://v\nkey = k\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_value_cannot_bring_a_line_of_its_own(path: Path) -> None:
    with pytest.raises(ConfigError, match="name"):
        ConfigFile(path).update({"name": "Gate\nsource = evil"})
    assert path.read_text() == WRITTEN


def test_a_delivered_key_is_in_the_file_before_it_is_used_and_the_old_one_until_it_worked(path: Path) -> None:
    state = path.parent
    ring = KeyStore("vis_dev_old", state, ConfigFile(path)).open()
    assert ring.deliver("vis_dev_new")
    assert (ring.current, ConfigFile(path).get("key")) == ("vis_dev_new", "vis_dev_new")
    assert ConfigFile(path).get("old_key") == "vis_dev_old"
    ring.worked("vis_dev_old")
    assert ConfigFile(path).get("old_key") == "vis_dev_old"
    ring.worked("vis_dev_new")
    assert ConfigFile(path).get("old_key") == ""
    assert not ring.rejected("vis_dev_new")
    assert ring.current == "vis_dev_new"


def test_a_new_key_that_does_not_work_gives_way_to_the_old_one(path: Path) -> None:
    file = ConfigFile(path)
    KeyStore("vis_dev_old", path.parent, file).open().deliver("vis_dev_new")
    ring = KeyStore("vis_dev_new", path.parent, ConfigFile(path)).open()  # after a restart
    assert ring.rejected("vis_dev_new")
    assert (ring.current, ConfigFile(path).get("key")) == ("vis_dev_old", "vis_dev_old")
    assert ring.deliver("vis_dev_new")  # the same again is left alone
    assert ring.current == "vis_dev_old"


def test_without_a_file_of_its_own_the_key_is_kept_beside_the_pictures(tmp_path: Path) -> None:
    KeyStore("vis_dev_given", tmp_path).open().deliver("vis_dev_new")
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600
    assert KeyStore("vis_dev_given", tmp_path).open().current == "vis_dev_new"
    assert KeyStore("vis_dev_by_hand", tmp_path).open().current == "vis_dev_by_hand"


def test_a_file_that_cannot_be_replaced_leaves_the_key_beside_the_pictures(path: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "camera.conf.new.part").mkdir()  # in the way of the new file, as a read-only /etc would be
    KeyStore("vis_dev_old", state, ConfigFile(path)).open().deliver("vis_dev_new")
    assert path.read_text() == WRITTEN
    ring = KeyStore("vis_dev_old", state, ConfigFile(path)).open()
    assert ring.current == "vis_dev_new"
    ring.worked("vis_dev_new")
    assert KeyStore("vis_dev_old", state, ConfigFile(path)).open().current == "vis_dev_new"


def test_a_key_that_cannot_be_kept_is_not_used() -> None:
    def fail(key: str, old: str) -> None:
        raise OSError(28, "No space left on device")

    ring = KeyRing("vis_dev_old", save=fail)
    assert not ring.deliver("vis_dev_new")
    assert ring.current == "vis_dev_old"
