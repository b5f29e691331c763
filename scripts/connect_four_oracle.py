"""Exact connect-four values from the bitbully library, for checking ours and for making the opening table.

Reads move strings such as 4453, one a line, and answers 1, 0 or -1 for the side to move. bitbully (AGPL) is not a
dependency: install it into an environment of its own, `python -m venv oracle && oracle/bin/pip install bitbully`, and
run this file with that environment's Python.
"""

from __future__ import annotations

import sys

from bitbully import BitBully, Board


def main() -> None:
    engine = BitBully(opening_book="12-ply-dist")
    for line in sys.stdin:
        board = Board()
        board.play([int(column) - 1 for column in line.strip()])
        best = max(engine.score_all_moves(board).values())
        print((best > 0) - (best < 0), flush=True)


if __name__ == "__main__":
    main()
