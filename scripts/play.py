#!/usr/bin/env python
"""`selfplay play` from a checkout: scripts/play.py connect-four"""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, ROOT)  # so that the checkout is used, installed or not

from selfplay.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main.main(["play", *sys.argv[1:]]))
