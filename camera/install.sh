#!/bin/sh
# Installs visant-camera as a service on a Raspberry Pi or another Debian. Safe to run again: it updates the
# program and leaves the configuration and the pictures as they are. See docs/camera.md.
set -eu
# Whatever root's own is: the service must be able to read the program.
umask 022

usage() {
  cat <<'END'
usage: install.sh [--extra NAME]... [--source SOURCE] [--destdir DIR] [--no-start]

  --extra NAME     video (webcams, RTSP, scanning labels) or picture (smaller pictures)
  --source SOURCE  where pictures come from, for a new configuration (webcam:0)
  --destdir DIR    install below DIR, for an image or a trial; no user, no service
  --no-start       do not enable and start the service
END
}

die() {
  echo "install.sh: $*" >&2
  exit 1
}

extras=
source=webcam:0
destdir=${DESTDIR:-}
start=yes
while [ $# -gt 0 ]; do
  case $1 in
    --extra)
      [ $# -gt 1 ] || die "--extra needs a name"
      case $2 in
        video | picture) extras="${extras:+$extras,}$2" ;;
        *) die "there is no extra '$2'; there are video and picture" ;;
      esac
      shift
      ;;
    --source)
      [ $# -gt 1 ] || die "--source needs a source"
      source=$2
      shift
      ;;
    --destdir)
      [ $# -gt 1 ] || die "--destdir needs a folder"
      destdir=$2
      shift
      ;;
    --no-start) start=no ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

here=$(cd "$(dirname "$0")" && pwd)
user=visant-camera
home=/opt/visant-camera
config=/etc/visant-camera.conf
state=/var/lib/visant-camera
unit=/etc/systemd/system/visant-camera.service

[ -n "$destdir" ] || [ "$(id -u)" -eq 0 ] || die "run it with sudo"
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null || die "Python 3.9 or newer is needed"
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "python3-venv is missing: apt-get install python3-venv"

if [ -z "$destdir" ] && ! getent passwd "$user" >/dev/null; then
  adduser --system --group --no-create-home --home "$state" "$user"
fi

echo "Installing the program into $destdir$home"
mkdir -p "$destdir$home" "$destdir/usr/local/bin"
[ -x "$destdir$home/venv/bin/python" ] || "$python" -m venv "$destdir$home/venv"
if [ -z "$destdir" ] && ! runuser -u "$user" -- "$home/venv/bin/python" -c '' 2>/dev/null; then
  rm -rf "$home/venv"
  die "the user $user cannot run $(command -v "$python"); name another: PYTHON=/usr/bin/python3"
fi
# From a copy: building leaves files behind, which another version would take up.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R "$here/pyproject.toml" "$here/README.md" "$here/visant_camera" "$copy"
"$destdir$home/venv/bin/python" -m pip install --quiet --upgrade "$copy${extras:+[$extras]}"
# Not the program's own start script, which names the folder it was installed in, with DESTDIR.
rm -f "$destdir/usr/local/bin/visant-camera"
cat >"$destdir/usr/local/bin/visant-camera" <<END
#!/bin/sh
exec $home/venv/bin/python -m visant_camera "\$@"
END
chmod 0755 "$destdir/usr/local/bin/visant-camera"

if [ -z "$destdir" ]; then
  install -d -m 0700 -o "$user" -g "$user" "$state"
else
  install -d -m 0700 "$destdir$state"
fi

if [ -e "$destdir$config" ]; then
  echo "The configuration $config stays as it is"
else
  mkdir -p "$destdir/etc"
  (
    umask 077
    cat >"$destdir$config.new" <<END
[visant-camera]
# Where pictures come from; docs/camera.md lists what is possible.
source = $source
# Seconds between two pictures while the server has no schedule for this camera, or off.
interval = 600
spool = $state
# Megabytes.
spool_limit = 1024
END
  )
  [ -n "$destdir" ] || chown "$user:$user" "$destdir$config.new"
  mv "$destdir$config.new" "$destdir$config"
  echo "Wrote the configuration $config"
fi

install -D -m 0644 "$here/visant-camera.service" "$destdir$unit"
if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  if [ "$start" = yes ] && grep -q '^key' "$config"; then
    systemctl enable --quiet visant-camera
    systemctl restart visant-camera
    echo "The service runs; journalctl -u visant-camera shows what it does"
    exit 0
  fi
fi
cat <<END

Next, with the label of this camera:
  sudo visant-camera claim --config $config --qr '{"visant":1,…}'    (or --url … --serial … --code …)
  sudo systemctl enable --now visant-camera
END
