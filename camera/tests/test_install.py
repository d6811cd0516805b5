"""``install.sh`` as root, on this Debian, whose files it changes only in a layer that is thrown away."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builders import ROOT

# The index of packages is another world: this pip knows one package, and asks nobody.
PIP = """
import pathlib, shutil, sys, sysconfig
source = pathlib.Path(sys.argv[-1].partition("[")[0]) / "visant_camera"
shutil.copytree(source, pathlib.Path(sysconfig.get_path("purelib")) / "visant_camera", dirs_exist_ok=True)
"""
SYSTEMCTL = '#!/bin/sh\necho "systemctl $*" >>/fake/calls\n'
LAYER = """
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/above" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/above,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mkdir -p "$1/root/fake/pip" "$1/root/run/systemd/system"
cp "$2/systemctl" "$1/root/fake"
cp "$2/pip.py" "$1/root/fake/pip/__main__.py"
"""
INSIDE = """
set -eu
export PATH=/fake:/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/fake PYTHON=/usr/bin/python3
cd /
umask 077
"$1/install.sh" --source drop:/srv
umask 022
owned() { stat -c '%U:%G %a %n' /etc/visant-camera.conf /var/lib/visant-camera; }
owned
stat -c '%U %a %n' /usr/local/bin/visant-camera /etc/systemd/system/visant-camera.service
if command -v systemd-analyze >/dev/null; then
  SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no visant-camera.service
fi
runuser -u visant-camera -- /opt/visant-camera/venv/bin/python -c 'import visant_camera as c; print(c.__version__)'
printf '# mine\\nurl = http://127.0.0.1:9\\nkey = vis_dev_x\\n' >>/etc/visant-camera.conf
cp /etc/visant-camera.conf /before; touch /var/lib/visant-camera/picture
"$1/install.sh" --source webcam:0
owned
cmp /before /etc/visant-camera.conf && ls /var/lib/visant-camera
grep -c '^visant-camera:' /etc/passwd
cat /fake/calls
"""


def can_layer() -> bool:
    tools = all(shutil.which(tool) for tool in ("unshare", "mount", "chroot", "adduser", "runuser"))
    python = subprocess.run(["/usr/bin/python3", "-c", "import venv, ensurepip"], capture_output=True, check=False)
    if os.geteuid() != 0 or not tools or python.returncode:
        return False
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


def test_it_installs_as_root_and_again_leaves_configuration_and_pictures(tmp_path: Path) -> None:
    if not can_layer():
        pytest.skip("needs root, mounts of its own, and Debian's adduser and python3-venv")
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "pip.py").write_text(PIP)
    layer = tmp_path / "layer"
    layer.mkdir()
    script = f'{LAYER}\nexec chroot "$1/root" sh -c "$3" sh "$4"\n'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(layer), str(tmp_path), INSIDE, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    files = [
        "visant-camera:visant-camera 600 /etc/visant-camera.conf",
        "visant-camera:visant-camera 700 /var/lib/visant-camera",
    ]
    after_the_first = said.index("Wrote the configuration /etc/visant-camera.conf")
    assert [line for line in said if line in files] == files * 2
    assert "root 755 /usr/local/bin/visant-camera" in said
    assert "root 644 /etc/systemd/system/visant-camera.service" in said
    assert "0.1.0" in said
    kept = said.index("The configuration /etc/visant-camera.conf stays as it is")
    assert after_the_first < kept
    calls = ["systemctl daemon-reload"] * 2
    calls += ["systemctl enable --quiet visant-camera", "systemctl restart visant-camera"]
    assert said[-len(calls) - 2 :] == ["picture", "1", *calls]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--extra", "sound"], "install.sh: there is no extra 'sound'; there are video and picture\n"),
        (["--extra"], "install.sh: --extra needs a name\n"),
    ],
)
def test_a_bad_option_installs_nothing(options: list[str], sentence: str) -> None:
    done = subprocess.run(["sh", str(ROOT / "install.sh"), *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, sentence)
