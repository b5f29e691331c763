#!/usr/bin/env python
"""`selfplay analyze` from a checkout: scripts/analyze.py runs/connect-four --moves 4453"""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, ROOT)  # so that the checkout is used, installed or not

from selfplay.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main.main(["analyze", *sys.argv[1:]]))
