#!/usr/bin/env python
"""Makes the agent that comes with the package for a game from a trained run: scripts/bundle.py runs/connect-four"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not

from selfplay.alphazero import bundle  # noqa: E402
from selfplay.errors import UserError  # noqa: E402
from selfplay.players import pretrained  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder; its newest generation is taken")
    run = parser.parse_args().run
    try:
        made = bundle.bundle(run, pretrained.FOLDER / pretrained.peek(run)["game"])
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(made, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
