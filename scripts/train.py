#!/usr/bin/env python
"""`selfplay train` from a checkout: scripts/train.py connect-four --minutes 20"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that the checkout is used, installed or not

from selfplay.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main.main(["train", *sys.argv[1:]]))
