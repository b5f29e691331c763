#!/usr/bin/env python
"""Plays random games of checkers beside an independent program: legal moves, boards, movers and winners must agree.

Run by hand, not by the test suite; the exit status is 1 at the first difference, which is printed.

    tests/oracles/checkers_oracle.py openspiel --games 2000
    tests/oracles/checkers_oracle.py pydraughts --games 200     about 440 plies a second

The libraries may live in an environment of their own: --path FOLDER appends its site-packages. Both end games by draw
rules of their own; such a game is compared up to there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not

from games.checkers import board, fen, moves, rules  # noqa: E402

GAME = rules.Checkers()


class Difference(Exception):
    """Where the two disagree, with the board."""


def require(ours, theirs, what: str, state: np.void) -> None:
    if ours != theirs:
        record = f"to_play {state['to_play']}, jumper {state['jumper']}\n{GAME.to_string(state)}"
        raise Difference(f"{what}: ours {ours}, theirs {theirs}\n{record}")


# OpenSpiel: single plies, as ours. Its first player's men start below, so its board is ours turned by 180°.


def openspiel_cell(number: int) -> str:
    row, column = board.ROW_OF[number - 1], board.COLUMN_OF[number - 1]
    return f"{'abcdefgh'[7 - column]}{row + 1}"


def openspiel_text(text: str) -> str:
    start, end = (openspiel_cell(int(number)) for number in text.replace("x", "-").split("-"))
    return start + end


def openspiel_marks(drawing: str) -> list[str]:
    lines = {line[0]: line[1:] for line in drawing.splitlines() if line[:1].isdigit()}
    cells = (openspiel_cell(number) for number in range(1, 33))
    marks = [lines[cell[1]]["abcdefgh".index(cell[0])] for cell in cells]
    return [{"o": "b", "8": "B", "+": "w", "*": "W"}.get(mark, mark) for mark in marks]


def play_openspiel(rng: np.random.Generator) -> tuple[str, int]:
    import pyspiel

    theirs = pyspiel.load_game("checkers").new_initial_state()
    states, plies = GAME.initial_states(1), 0
    while True:
        state = states[0]
        require(rules.marks_of(state), openspiel_marks(str(theirs)), "board", state)
        legal = {openspiel_text(text): action for text, action in GAME.legal_moves(state).items()}
        if theirs.is_terminal():
            returns = theirs.returns()
            if returns == [0, 0]:
                return "their draw", plies
            require(bool(state["terminal"]), True, "end", state)
            require(1 - int(state["to_play"]), int(np.argmax(returns)), "winner", state)
            return "win", plies
        if state["terminal"]:
            return "our draw", plies
        require(int(state["to_play"]), theirs.current_player(), "player to move", state)
        found = {theirs.action_to_string(action)[:4]: action for action in theirs.legal_actions()}
        require(sorted(legal), sorted(found), "legal moves", state)
        text = sorted(legal)[rng.integers(len(legal))]
        states = GAME.step(states, np.array([legal[text]])).states
        theirs.apply_action(found[text])
        plies += 1


# pydraughts: whole moves.


def play_pydraughts(rng: np.random.Generator) -> tuple[str, int]:
    import draughts

    theirs = draughts.Board(variant="english", fen="startpos")
    states, plies = GAME.initial_states(1), 0
    while True:
        state = states[0]
        require(fen.write(state), fen.write(fen.read(theirs.fen, GAME)[0]), "board", state)
        ours = [] if state["terminal"] else moves.whole_moves(GAME, state)
        found = theirs.legal_moves()
        if state["terminal"] and found:
            return "our draw", plies
        require(sorted(move.squares for move in ours), sorted(tuple(move.steps_move) for move in found), "moves", state)
        if not found:
            winner = {draughts.WHITE: 1, draughts.BLACK: 0}.get(theirs.winner())
            require(1 - int(state["to_play"]), winner, "winner", state)
            return "win", plies
        move = ours[rng.integers(len(ours))]
        states = move.states
        theirs.push(next(one for one in found if tuple(one.steps_move) == move.squares))
        plies += len(move.actions)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("oracle", choices=["openspiel", "pydraughts"])
    parser.add_argument("--games", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--path", action="append", default=[], help="folder to append to the module search path")
    arguments = parser.parse_args()
    sys.path.extend(arguments.path)
    play = {"openspiel": play_openspiel, "pydraughts": play_pydraughts}[arguments.oracle]
    rng, ends, plies, began = np.random.default_rng(arguments.seed), Counter(), 0, time.perf_counter()
    for number in range(arguments.games):
        try:
            end, length = play(rng)
        except Difference as difference:
            print(f"game {number} of seed {arguments.seed} differs: {difference}")
            return 1
        ends[end] += 1
        plies += length
    print(f"{arguments.games} games, {plies} plies agree in {time.perf_counter() - began:.0f} s: {dict(ends)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
