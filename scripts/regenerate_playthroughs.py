#!/usr/bin/env python
"""Writes tests/playthroughs/<game>.txt for every available game: one random game, with all that the game says of it.

Run it after a deliberate change of a game's behaviour (and raise the game's version), then read the diff.

    scripts/regenerate_playthroughs.py            write the files, say which changed
    scripts/regenerate_playthroughs.py --check    write nothing; exit status 1 if a file is missing or out of date
    scripts/regenerate_playthroughs.py NAME ...   only these games
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not

import games  # noqa: E402
from games.checks import playthrough  # noqa: E402

FOLDER = ROOT / "tests" / "playthroughs"
SEED = 1


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.txt"


def first_difference(old: str, new: str) -> str | None:
    """The first differing line of two texts, in words; None when they are equal."""
    if old == new:
        return None
    old_lines, new_lines = old.splitlines(), new.splitlines()
    for number, (before, after) in enumerate(zip(old_lines, new_lines, strict=False), start=1):
        if before != after:
            return f"line {number}: the file has '{before}', the game now gives '{after}'"
    return f"line {min(len(old_lines), len(new_lines)) + 1}: one text ends, the other goes on"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write (or check) the playthrough of every game.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="games; all of them by default")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a file is out of date")
    arguments = parser.parse_args()
    stale = 0
    for name in arguments.names or games.available():
        path = path_of(name)
        old = path.read_text(encoding="utf-8") if path.exists() else None
        new = playthrough.playthrough(games.make(name), SEED)
        difference = "there is no file yet" if old is None else first_difference(old, new)
        print(f"{path.relative_to(ROOT)}: {difference or 'up to date'}")
        stale += difference is not None
        if difference and not arguments.check:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(new, encoding="utf-8")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
