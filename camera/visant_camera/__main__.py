"""``python -m visant_camera`` is the same as ``visant-camera``."""

import sys

from visant_camera.cli import main

if __name__ == "__main__":
    sys.exit(main())
