#!/usr/bin/env python
"""Replays the games that a chess or checkers run has in its replay window through an independent program.

Every position must be one that the other program calls possible, with the same legal moves; every position must follow
from the one before it in its game by legal moves of the other program. Run by hand, not by the test suite; the exit
status is 1 at the first difference, which is printed.

    tests/oracles/replay_oracle.py runs/chess                   python-chess, all games
    tests/oracles/replay_oracle.py runs/checkers --games 500    pydraughts, some 400 positions a second

pydraughts may live in an environment of its own: --path FOLDER appends its site-packages.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not

import games  # noqa: E402
from games.checkers import fen, moves  # noqa: E402
from games.chess import fen as texts  # noqa: E402
from games.chess import geometry, kernels  # noqa: E402

PROMOTION = {None: 0, 5: 0, 2: 1, 3: 2, 4: 3}  # python-chess's pieces in our numbering of moves


class Difference(Exception):
    """What the two disagree about."""


def games_of(run: Path) -> Iterator[np.ndarray]:
    """Rows of each game, first position first. Actors deliver a game from its end backwards, in one piece."""
    state = sorted((run / "state").glob("[0-9]*"))[-1]
    shards = json.loads((state / "state.json").read_text())["shards"]
    for shard in shards:
        rows = np.load(run / "replay" / shard["file"])
        ends = np.flatnonzero(np.diff(rows["ply"].astype(int)) >= 0) + 1  # where ply rises, another game begins
        yield from (part[::-1] for part in np.split(rows, ends) if len(part))


def check_chess(game, rows: np.ndarray) -> None:
    before = None
    for state in rows["state"]:
        board = texts.board_of(state)
        if not board.is_valid():
            raise Difference(f"python-chess says {board.status()!r} of\n{board}")
        actions, count = game.legal_actions(np.array([state], dtype=game.state_dtype))
        turn = 0 if board.turn else 56
        ours = sorted(map(tuple, geometry.MOVE[actions[0, : count[0]]].tolist()))
        theirs = sorted((move.from_square ^ turn, move.to_square ^ turn, PROMOTION[move.promotion])
                        for move in board.legal_moves)  # fmt: skip
        if ours != theirs:
            raise Difference(f"legal moves: ours {ours}, theirs {theirs} in {board.fen()}")
        if before is not None:
            follow(before, state, board)
        before = state


def follow(before: np.void, state: np.void, wanted) -> None:
    """Plays, in python-chess, the moves that `state` remembers since `before`."""
    import chess

    board = texts.board_of(before)
    for ply in range(int(before["ply"]), int(state["ply"])):
        word = int(state["moves"][ply % kernels.MEMORY])
        turn = 0 if board.turn else 56
        source, target = (word & 63) ^ turn, (word >> 6 & 63) ^ turn
        choices = [chess.Move(source, target, piece) for piece in (None, *range(5, 1, -1))]
        choices = [move for move in choices if board.is_legal(move)]
        last = ply + 1 == int(state["ply"])
        if last and len(choices) > 1:  # a promotion: which piece, the position tells
            choices = [move for move in choices if after(board, move).board_fen() == wanted.board_fen()]
        if not choices:
            raise Difference(f"{chess.square_name(source)}{chess.square_name(target)} is illegal in {board.fen()}")
        board.push(choices[0])
    # Over several plies, what a pawn became in between is not remembered.
    if int(state["ply"]) == int(before["ply"]) + 1 and board.board_fen() != wanted.board_fen():
        raise Difference(f"{board.fen()} should be {wanted.fen()}")


def after(board, move):
    copy = board.copy(stack=False)
    copy.push(move)
    return copy


def check_checkers(game, rows: np.ndarray) -> None:
    import draughts

    reachable: set[str] | None = None
    for number, state in enumerate(rows["state"]):
        if state["jumper"]:
            reachable = None  # FEN cannot say it; the next whole move is compared again
            continue
        text = fen.write(state)
        if reachable is not None and text not in reachable:
            raise Difference(f"{text} does not follow from\n{game.to_string(rows['state'][number - 1])}")
        board = draughts.Board(variant="english", fen=text)
        ours = moves.whole_moves(game, state)
        theirs = {tuple(move.steps_move) for move in board.legal_moves()}
        if {move.squares for move in ours} != theirs:
            raise Difference(f"legal moves: ours {ours}, theirs {sorted(theirs)} in {text}")
        reachable = {fen.write(move.states[0]) for move in ours}
        following = rows[number + 1] if number + 1 < len(rows) else None
        if following is not None and following["ply"] != rows[number]["ply"] + 1:
            reachable = None  # the past self moved in between, and its positions are not kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--games", type=int, default=10**9, help="at most so many, drawn at random (default: all)")
    parser.add_argument("--path", action="append", default=[], help="folder to append to the module search path")
    arguments = parser.parse_args()
    sys.path += arguments.path
    config = json.loads((arguments.run / "config.json").read_text())
    game = games.make(config["game"], **config["game_options"])
    check = {"chess": check_chess, "checkers": check_checkers}[game.name]
    found = list(games_of(arguments.run))
    order = np.random.default_rng(0).permutation(len(found))[: arguments.games]
    began, positions = time.time(), 0
    for index in order:
        try:
            check(game, found[index])
        except Difference as difference:
            print(f"game {index} of the window: {difference}")
            return 1
        positions += len(found[index])
    print(f"{len(order)} of {len(found)} games, {positions} positions, all agree; {time.time() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
