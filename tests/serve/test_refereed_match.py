"""A match of twenty games under python-chess as referee and clock: no illegal move, no loss on time, no engine lost."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import chess
import chess.engine
import pytest
import tiny

ROOT = Path(__file__).resolve().parents[2]
GAMES, PLIES = 20, 50  # plies after which a game is called off
SECONDS, INCREMENT = 60.0, 1.0  # of each clock: a busy machine may not answer for seconds


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[list[chess.engine.SimpleEngine]]:
    run = tiny.weights_folder(tmp_path, "chess")
    command = [sys.executable, "-m", "selfplay", "uci", str(run)]
    found = [chess.engine.SimpleEngine.popen_uci(command, cwd=str(ROOT), timeout=60) for _ in range(2)]
    yield found
    for engine in found:
        engine.quit()


@pytest.mark.chaos
@pytest.mark.timeout(240)
def test_twenty_games_under_python_chess(engines: list[chess.engine.SimpleEngine]) -> None:
    rng, played, ends = random.Random(8), 0, set[str]()
    for engine, settings in zip(engines, ({"Level": 3}, {"Leaves Per Batch": 4}), strict=True):
        engine.configure({"Hash": 16, **settings})
        engine.ping()  # loading the agent is no player's time
    for number in range(GAMES):
        board = chess.Board()
        for _ in range(rng.randrange(8)):
            board.push(rng.choice(list(board.legal_moves)))
        clocks = [SECONDS, SECONDS]
        while not board.is_game_over(claim_draw=number % 2 == 0) and board.ply() < PLIES:  # the other half plays on
            seat = board.ply() % 2
            limit = chess.engine.Limit(
                nodes=4, white_clock=clocks[0], black_clock=clocks[1], white_inc=INCREMENT, black_inc=INCREMENT
            )
            began = time.monotonic()
            answer = engines[(seat + number) % 2].play(board, limit, game=number, ponder=number % 5 == 0)
            clocks[seat] += INCREMENT - (time.monotonic() - began)
            assert answer.move in board.legal_moves, (board.fen(), answer.move)
            assert clocks[seat] > 0, "lost on time"
            board.push(answer.move)
        outcome = board.outcome(claim_draw=number % 2 == 0)
        ends.add(outcome.termination.name if outcome else "CALLED_OFF")
        played += 1
    assert played == GAMES and ends
