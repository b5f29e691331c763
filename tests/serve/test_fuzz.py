"""The doors under mutated sessions and random bytes: none dies, none holds, none answers an illegal move."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chess
import numpy as np
import pytest
import tiny
from facets import protocols_of
from mutations import AWKWARD, mutated
from program import Program

import games
from selfplay.players import network_player
from selfplay.serve import json_lines

UCI_LINES = [
    b"uci", b"isready", b"ucinewgame", b"position startpos moves e2e4 e7e5 g1f3", b"go nodes 4", b"go movetime 2",
    b"position fen r3k2r/8/8/8/8/8/4P3/R3K2R w KQkq - 0 1 moves e1g1", b"go infinite", b"stop", b"go ponder",
    b"go nodes 3 searchmoves e2e4 d2d4", b"setoption name MultiPV value 2", b"setoption name Level value 3", b"d",
    b"position fen 7k/P7/6K1/8/8/8/8/8 w - - 99 80 moves a7a8q", b"go wtime 40 btime 40 winc 1 binc 1", b"ponderhit",
    b"setoption name UCI_Chess960 value false", b"go depth 2 nodes 20", b"debug off", b"go perft 1",
]  # fmt: skip
HUB_START = "Bbbbbbbbbbbbbeeeeeeeewwwwwwwwwwww"
HUB_LINES = [
    b"hub", b"init", b"ping", f'pos pos={HUB_START} moves="11-15 22-18 15x22"'.encode(), b"level nodes=4", b"new-game",
    b"level depth=2 nodes=20", b"level time=0.05 inc=0.01 moves=3", b"level move-time=0.002", b"go think", b"stop",
    b"go ponder", b"ponder-hit", b"set-param name=level value=3", b"pos pos=Weeeeeeeeeeeeeeeeeeeeeeeeeeeeewwb",
]  # fmt: skip
MOVES = "11-15 23-19"


@pytest.fixture(scope="module")
def chess_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.weights_folder(tmp_path_factory.mktemp("chess"), "chess")


@pytest.fixture(scope="module")
def checkers_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.weights_folder(tmp_path_factory.mktemp("checkers"), "checkers")


def lines(rng: random.Random, valid: list[bytes], number: int) -> Iterator[bytes]:
    """Mutated lines that end no session."""
    for _ in range(number):
        yield mutated(rng, valid).replace(b"\n", b" ").replace(b"quit", b"qui")


def hash_of(count: int) -> str:
    """How a refusal begins that is told after all that was asked before: the engine's queue is empty then."""
    return f"a whole number from 1 to 65536, not 'end{count}'"


def fuzz_uci(run: Path, number: int, seed: int) -> None:
    rng = random.Random(seed)
    with Program("uci", run) as program:
        program.ask("isready", until="readyok")
        for count, line in enumerate(lines(rng, UCI_LINES, number), 1):
            program.send(line)
            if count % 40 == 0:
                program.ask("stop", "isready", until="readyok")
                program.send("stop", "setoption name UCI_Chess960 value false")
                program.ask(f"setoption name Hash value end{count}", until=f"info string Hash is {hash_of(count)}")
                check_chess(program, refused=True)
                program.send("position startpos moves d2d4 d7d5")
                check_chess(program, refused=False)
        assert program.close() == 0
        assert program.errors() == ""


def check_chess(program: Program, refused: bool) -> None:
    """The move that is answered is legal by python-chess in the position that is shown; refused: there may be none."""
    said = program.ask("d", "go nodes 3")
    board = chess.Board(next(line for line in said if line.startswith("Fen: ")).removeprefix("Fen: "))
    move = said[-1].split()[1]
    if move == "0000":
        assert refused and any("was refused" in line for line in said)
    elif move == "(none)":
        assert board.is_game_over() or board.is_insufficient_material()
    else:
        assert chess.Move.from_uci(move) in board.legal_moves, (board.fen(), move)


def fuzz_hub(run: Path, number: int, seed: int) -> None:
    rng = random.Random(seed)
    game = games.make("checkers")
    text = protocols_of(game).hub()
    assert text is not None
    states = game.initial_states(1)
    for move in MOVES.split():
        for action in text.actions(states[0], move):
            states = game.step(states, np.array([action])).states
    with Program("hub", run) as program:
        program.ask("hub", "init", until="ready")
        for count, line in enumerate(lines(rng, HUB_LINES, number), 1):
            program.send(line)
            if count % 40 == 0:
                program.ask("stop", "ping", until="pong")
                program.ask(f"set-param name=hash value=end{count}", until=f'error message="hash is {hash_of(count)}')
                program.send("level nodes=3", f'pos pos={HUB_START} moves="{MOVES}"')
                said = program.ask("go think", until="done")
                move = said[-1].split()[1].removeprefix("move=")
                assert text.actions(states[0], move), said[-1]
        assert program.close() == 0
        assert program.errors() == ""


def questions(game: str) -> list[bytes]:
    found = {
        "chess": ("e2e4 e7e5 g1f3", "r3k2r/8/8/8/8/8/4P3/R3K2R w KQkq - 0 1"),
        "checkers": ("11-15 22-18 15x22", "B:W21,22,K24:B1,2,K30"),
        "connect-four": ("4453", None),
        "tic-tac-toe": ("51", None),
    }
    moves, fen = found[game]
    asked: list[dict[str, Any]] = [
        {"id": "a", "game": game, "moves": moves, "simulations": 3}, {"id": 2, "moves": "", "maxVisits": 2},
        {"id": None, "action": "query_version"}, {"moves": moves},
    ]  # fmt: skip
    asked += [{"id": [1], "fen": fen, "moves": "", "simulations": 2}] if fen else []
    return [json.dumps(one).encode() for one in asked]


def fuzz_json(run: Path, game: str, number: int, seed: int) -> None:
    """Every line that is not blank has one answer, and a good question after each of them a good one."""
    rng = random.Random(seed)
    player = network_player.load(run)
    sent: list[bytes] = []
    for count, line in enumerate(lines(rng, questions(game), number)):
        sent += [line, json.dumps({"id": f"good {count}", "moves": "", "simulations": 1}).encode()]
    said: list[str] = []
    json_lines.serve(player, io.BytesIO(b"\n".join(sent)), said.append, 2)
    answers = [json.loads(line, parse_constant=never) for line in said]
    assert len(answers) == sum(bool(line.strip()) for line in sent)
    good = [answer for answer in answers if str(answer.get("id")).startswith("good ")]
    assert len(good) == number and all("error" not in answer for answer in good)
    for answer in answers:
        if "error" in answer:
            assert isinstance(answer["error"], str) and "Traceback" not in answer["error"] and answer["line"] > 0
        elif "action" not in answer:
            at = json_lines.position(player, answer["moves"], answer.get("start_fen"))
            legal = set(player.game.legal_moves(at[0]))
            assert answer["best"] in legal and {one["move"] for one in answer["moveInfos"]} == legal


def never(text: str) -> Any:
    raise AssertionError(f"{text} is not JSON")


DOORS: dict[str, Callable[[Path, int, int], None]] = {
    "uci": fuzz_uci,
    "hub": fuzz_hub,
    "json": lambda run, number, seed: fuzz_json(run, "chess" if "chess" in str(run) else "checkers", number, seed),
}


def run_of(door: str, chess_run: Path, checkers_run: Path) -> Path:
    return checkers_run if door == "hub" else chess_run


@pytest.mark.parametrize("door", DOORS)
def test_no_mutated_line_ends_a_door_or_draws_an_illegal_move(door: str, chess_run: Path, checkers_run: Path) -> None:
    DOORS[door](run_of(door, chess_run, checkers_run), 120, 3)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("door", DOORS)
def test_two_thousand_mutated_lines_do_not_either(door: str, chess_run: Path, checkers_run: Path) -> None:
    DOORS[door](run_of(door, chess_run, checkers_run), 2000, 4)


@pytest.mark.parametrize("game", ["checkers", "connect-four", "tic-tac-toe"])
def test_mutated_questions_about_every_game_are_answered(game: str, tmp_path: Path) -> None:
    fuzz_json(tiny.weights_folder(tmp_path / game, game), game, 200, 5)


def test_the_awkward_words_alone_are_no_question_of_any_door(chess_run: Path) -> None:
    said: list[str] = []
    json_lines.serve(network_player.load(chess_run), io.BytesIO(b"\n".join(AWKWARD)), said.append, 1)
    assert all("error" in json.loads(line) for line in said)
