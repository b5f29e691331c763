#!/usr/bin/env python
"""`selfplay elo` from a checkout: scripts/elo.py runs/connect-four --games 100"""

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, ROOT)  # so that the checkout is used, installed or not
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))  # for actors

from selfplay.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main.main(["elo", *sys.argv[1:]]))
