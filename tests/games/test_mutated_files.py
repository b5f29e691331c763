"""Files and texts of others under mutation: what cannot be read is refused in one sentence, whatever its bytes are."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from facets import notation_of
from mutations import mutated

import games
from games.base import Game, IllegalMove
from games.text import decoding, files
from games.text.records import GameRecord
from selfplay.errors import UserError
from selfplay.players import openings

GAMES = ("chess", "checkers", "connect-four", "tic-tac-toe")
SESSIONS = {
    "chess": [
        b'[Event "A (1)"]\n[White "B\\"C"]\n\n1. e4 {a} e5 $1 2. Nf3 (2. f4 exf4) Nc6 ; x\n3. Bb5 1-0\n',
        b'[SetUp "1"]\n[FEN "r3k2r/8/8/8/8/8/4P3/R3K2R w KQkq - 0 1"]\n\n1. O-O O-O-O 2. e4 *\n',
        b"e4 e5 Nf3\nd4 d5 # queen\n", b'r3k2r/8/8/8/8/8/4P3/R3K2R w KQkq - bm O-O; id "x";\n',
    ],
    "checkers": [
        b'[Event "A"]\n[Result "0-1"]\n\n1. 11-15 22-18 2. 15x22 25x18 {b} 3. 8-11 0-1\n',
        b'[FEN "B:W6,14,22,32:B2"]\n\n1. 2x9x18x25 *\n', b"B:W21,22,K24:B1,2,K30\n", b"11-15 23-19\n9-14 22-18\n",
    ],
    "connect-four": [b'[Game "connect-four"]\n[First "a"]\n\n44{+0.12}43265 *\n', b"4453\n44 # two\n"],
    "tic-tac-toe": [b'[Game "tic-tac-toe"]\n[First "a"]\n\n51{+1}2 *\n', b"5\n51\n"],
}  # fmt: skip
FENS = {
    "chess": ["rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", "8/P6k/8/3pP3/8/8/8/K6R w - d6 12 40"],
    "checkers": ["B:W21,22,K24:B1,2,K30", "W:W6,14,22,32:B2.", "B:WK1-4,21:B12"],
}


def read_records(game: Game, data: bytes, folder: Path) -> None:
    for record in files.iterate(notation_of(game), decoding.Lines(io.BytesIO(data))):
        replayed(game, record)


def read_book(game: Game, data: bytes, folder: Path) -> None:
    path = folder / "book"
    path.write_bytes(data)
    for opening in openings.book(game, path)[:5]:
        assert not opening.states(game)["terminal"][0]


def read_position(game: Game, data: bytes, folder: Path) -> None:
    states = notation_of(game).from_fen(data.decode("latin-1"))
    again = notation_of(game).to_fen(states[0])
    assert again is None or game.key(notation_of(game).from_fen(again)) == game.key(states)


def read_moves(game: Game, data: bytes, folder: Path) -> None:
    notation_of(game).state_after(data.decode("latin-1"))


def replayed(game: Game, record: GameRecord) -> None:
    """Every move of the record is legal where it is played."""
    states = record.start
    for action in record.actions:
        if states["terminal"][0]:
            states = game.unclaimed(states)
        assert action in game.legal_moves(states[0]).values()
        states = game.step(states, np.array([action])).states


READERS: dict[str, Callable[[Game, bytes, Path], None]] = {
    "records": read_records, "book": read_book, "position": read_position, "moves": read_moves,
}  # fmt: skip


def fuzz(name: str, reader: str, number: int, seed: int, folder: Path) -> int:
    """How many of so many mutated inputs were read; all others were refused in a sentence."""
    rng, game, read = random.Random(seed), games.make(name), 0
    valid = SESSIONS[name]
    if reader == "position":
        valid = [fen.encode() for fen in FENS.get(name, ["4"])]
    elif reader == "moves":
        valid = [SESSIONS[name][-1].split(b"#")[0].split(b"\n")[0]]
    for _ in range(number):
        data = mutated(rng, valid)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                READERS[reader](game, data, folder)
            read += 1
        except (IllegalMove, UserError) as error:
            sentence = str(error)
            assert sentence and "\n" not in sentence and len(sentence) < 2000, (data, sentence)
    return read


CASES = [(name, reader) for name in GAMES for reader in READERS]


@pytest.mark.parametrize(("name", "reader"), CASES, ids=["-".join(case) for case in CASES])
def test_mutated_input_is_read_or_refused_in_a_sentence(name: str, reader: str, tmp_path: Path) -> None:
    assert fuzz(name, reader, 40, 6, tmp_path) < 40


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reader"), CASES, ids=["-".join(case) for case in CASES])
def test_so_are_five_hundred_of_each_game_and_kind(name: str, reader: str, tmp_path: Path) -> None:
    fuzz(name, reader, 500, 7, tmp_path)
