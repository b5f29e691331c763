"""Playing in the terminal: whole games of every kind through a pipe, every command, and mistakes that cost nothing."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import document_package
import numpy as np
import pytest
from facets import notation_of

import games
from games.base import IllegalMove
from selfplay.cli import main
from selfplay.cli.terminal import commands
from selfplay.errors import UserError
from selfplay.play import session

ROOT = Path(__file__).resolve().parents[2]
GAMES = ("tic-tac-toe", "connect-four", "checkers", "chess")
QUICK = ("--simulations", "4", "--seed", "1")
END = "game over> "


class Session:
    """What was said, with the lines that were typed after their prompts."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def after(self, line: str) -> str:
        """What was answered to the last such line."""
        answer = self.out.rpartition(f"> {line}\n")[2]
        kept = []
        for row in answer.splitlines():
            if "> " in row and ("move " in row or row.startswith(END)):
                break
            kept.append(row)
        return "\n".join(kept).strip()


@pytest.fixture
def play(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs `selfplay play` in this process, in an empty folder, with lines on standard input."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, lines: str = "") -> Session:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines.replace("|", "\n") + "\n" * bool(lines)))
        try:
            code = main.main(["play", *arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Session(code, said.out, said.err)

    return call


# -- whole games -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four", "checkers"])
def test_a_whole_game_is_played_saved_and_read_back(play: Any, name: str, tmp_path: Path) -> None:
    said = play(name, *QUICK, "--against", "random", lines="|".join(["go"] * 120 + ["save game", "moves", "quit"]))
    assert said.code == 0 and said.err == ""
    assert said.out.count("Game over after") >= 1
    game = games.make(name)
    (record,) = notation_of(game).read_records((tmp_path / f"game.{notation_of(game).record_suffix}").read_text())
    at = session.GameSession(game)
    at.load(record)
    assert at.over and at.record(["a", "b"], {}).actions == record.actions
    again = play(name, *QUICK, "--load", f"game.{notation_of(game).record_suffix}", lines="moves")
    assert again.after("moves") == said.after("moves")


def test_a_game_of_chess_is_won_by_its_shortest_mate(play: Any, tmp_path: Path) -> None:
    # 1. f3 e5 2. g4 Qh4 mate: White sees it coming, Black is human.
    said = play("chess", *QUICK, "--against", "human", lines="f3|e5|g4|Qh4|save mate|load mate.pgn|undo|record")
    assert "Game over after 2 moves: Black wins." in said.out
    assert "Taken back: Qh4#." in said.out
    assert "1. f3 e5 2. g4" in (tmp_path / "mate.pgn").read_text()


@pytest.mark.parametrize("name", GAMES)
def test_two_agents_are_watched_move_by_move_and_to_the_end_of_input(play: Any, name: str) -> None:
    opening = {"chess": "e2e4", "checkers": "11-15", "connect-four": "4", "tic-tac-toe": "5"}[name]
    said = play(name, *QUICK, "--moves", opening, lines="watch|||watch|moves|quit")
    assert said.code == 0
    assert said.out.count("Enter: next move, ") == 3, said.out
    played = said.after("moves")
    assert len(played.split() if " " in played else played) >= 3


def test_as_none_plays_to_the_end_without_being_asked(play: Any) -> None:
    said = play("tic-tac-toe", *QUICK, "--as", "none", "--against", "random")
    assert said.code == 0 and "X is agent (4 simulations), O is random" in said.out
    assert said.out.count(" plays ") >= 5 and "Game over after" in said.out


def test_the_same_seed_gives_the_same_game(play: Any) -> None:
    arguments = ("connect-four", "--as", "none", "--against", "random", "--simulations", "4", "--temperature", "1")
    first, again = (play(*arguments, "--seed", "7", lines="moves").after("moves") for _ in range(2))
    other = play(*arguments, "--seed", "8", lines="moves").after("moves")
    assert first == again != other


# -- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GAMES)
def test_every_command_answers_in_every_game(play: Any, name: str) -> None:
    free = [word for word in commands.COMMANDS if word not in ("quit", "auto", "watch", "resign", "draw")]
    said = play(name, *QUICK, lines="|".join(["go", *free, "resign", *free, "quit"]))
    assert said.code == 0
    for word in free:
        assert f"> {word}\n" in said.out


def test_undo_takes_back_the_answer_too_and_redo_plays_both_again(play: Any) -> None:
    said = play("connect-four", *QUICK, lines="4|1|undo|moves|redo|moves|undo|undo|undo|redo|redo|redo")
    first = said.out.partition("> undo\n")[2]
    assert first.startswith(". . .") and "Taken back: 1, " in first
    assert "There is no move of yours to take back." not in first.partition("> redo\n")[0]
    assert said.out.count("There is no move to take back.") == 1
    assert said.out.count("There is no move to play again: none was taken back.") == 1


def test_a_hint_names_a_legal_move_and_go_plays_for_me(play: Any) -> None:
    said = play("tic-tac-toe", *QUICK, "--moves", "1425", lines="hint|go|moves")
    # X on 1 and 2 wins on 3.
    assert "Hint for X: 3 (value +1.00). This is a certain win." in said.out
    assert "Agent plays 3 for you" in said.out or "Agent plays 3." in said.out
    assert said.after("moves") == "14253"


def test_analysis_shows_the_truth_beside_the_agents_view(play: Any) -> None:
    said = play("tic-tac-toe", "--simulations", "30", "--moves", "1425", lines="analysis")
    rows = {row.split()[0]: row.split() for row in said.after("analysis").splitlines()[2:] if row.strip()}
    assert rows["3"][2] == "win" and rows["3"][4] == "win"
    assert "X wins" in said.after("analysis")


def test_analysis_and_bar_can_stay_on(play: Any) -> None:
    said = play("connect-four", *QUICK, lines="analysis on|4|eval on|analysis off|4|eval off|4")
    assert said.out.count("and then") == 2, "at once, and after the first move"
    assert said.out.count("Red wins ") == 4, "the same, and at once with eval on, and after the second move"


def test_levels_and_simulations_and_temperature_are_set_and_told(play: Any) -> None:
    said = play("connect-four", *QUICK, lines="level 3|level|simulations 20|temperature 0.5|level 11|temperature hot")
    assert said.out.count("Level 3: 0 simulations a move, temperature 1.") == 2
    assert "20 simulations a move, temperature 0.5." in said.out
    assert "Level cannot be '11': expected a whole number from 1 to 10." in said.out
    assert "'hot' is no temperature" in said.out
    fixed = play("connect-four", "--against", "random", lines="level 3")
    assert "the opponent has a strength of its own" in fixed.out


def test_swapping_sides_lets_the_agent_move_at_once(play: Any) -> None:
    said = play("connect-four", *QUICK, lines="4|swap|moves")
    assert "you are Yellow" in said.out
    assert len(said.after("moves")) == 3


def test_a_position_is_set_up_by_fen_or_moves_and_told(play: Any) -> None:
    said = play("chess", *QUICK, lines="fen 6k1/5ppp/8/8/8/8/8/3R2K1 w - - 0 1|fen|d1d8|moves|fen nonsense|fen")
    assert said.out.count("6k1/5ppp/8/8/8/8/8/3R2K1 w - - 0 1") >= 2
    assert "White (you) wins" in said.out
    assert "'nonsense' is no FEN" in said.out
    said = play("connect-four", *QUICK, "--against", "human", lines="moves 4453|moves|moves 4459|moves|fen")
    assert said.after("moves") == "4453", "a wrong list leaves the position as it is"
    assert "Move 4: '9' is not a legal move here." in said.out


def test_jumps_of_several_pieces_are_one_move(play: Any, tmp_path: Path) -> None:
    # A black man on 1 jumps 6 and 15 in turn.
    fen = "B:W6,15,32:B1"
    said = play("checkers", *QUICK, "--against", "human", "--fen", fen, lines="1x10x19|undo|1x19|undo|1x10|10x19|moves")
    assert said.out.count("Taken back: 1x10x19.") == 2
    assert said.after("moves") == "1. 1x10x19"


def test_chess_takes_san_uci_and_careless_capitals(play: Any) -> None:
    said = play("chess", *QUICK, "--against", "human", lines="Nf3|d7d5|nc3|D4|moves|Nd55")
    assert said.after("moves") == "1. Nf3 d5 2. Nc3 d4"
    assert "'Nd55' is not a legal move here. Did you mean 'Nd5'? Legal moves: Rb1" in said.out


def test_a_file_is_not_replaced_unless_asked(play: Any, tmp_path: Path) -> None:
    wrong = "save a.doc|save nowhere/a|save|load b|load"
    said = play("connect-four", *QUICK, lines=f"4|save a|4|save a|save! a|save a !|{wrong}")
    assert "'a.txt' exists: 'save! a.txt' replaces it." in said.out and said.out.count("Saved in a.txt.") == 3
    for words in ("does not end in .txt", "'nowhere' is no folder", "Save where?", "cannot be read", "Load which"):
        assert words in said.out
    assert '[First "You"]' in (tmp_path / "a.txt").read_text()


def test_every_game_is_added_to_the_record_with_what_the_agent_thought(play: Any, tmp_path: Path) -> None:
    said = play("tic-tac-toe", *QUICK, "--record", "all.txt", lines="5|new|1|resign|new")
    assert said.out.count("The game was added to all.txt.") == 2
    first, second = notation_of(games.make("tic-tac-toe")).read_records((tmp_path / "all.txt").read_text())
    assert first.actions[0] == 4 and first.result is None and "visits" in first.comments[1]
    assert second.result == 0.0 and second.tags["Termination"] == "X resigned"
    numbered = play("tic-tac-toe", *QUICK, lines="load all.txt 2|load all.txt 3")
    assert "Game 2 of 2" in numbered.out and "there is no number 3" in numbered.out


def test_a_clock_runs_and_loses_games(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said = play("connect-four", *QUICK, "--clock", "5+3", lines="clock|clock x|clock off|clock")
    assert "Red 5:00, Yellow 5:00." in said.out or "Red 4:59, Yellow 5:00." in said.out
    assert "'x' is no clock" in said.out and "There is no clock." in said.out
    said = play("connect-four", *QUICK, "--clock", "0.0000001", lines="4")
    assert "Yellow wins (Red ran out of time)." in said.out


def test_draws_are_agreed_between_people_and_declined_early_by_agents(play: Any) -> None:
    assert "a draw (draw agreed)" in play("connect-four", *QUICK, "--against", "human", lines="4|draw").out
    assert "The draw is declined." in play("connect-four", *QUICK, lines="draw").out


def test_plain_mode_says_everything_in_words(play: Any) -> None:
    said = play("connect-four", *QUICK, "--plain", lines="4|board|undo|board")
    assert "Agent plays column " in said.out and "Your turn." in said.out
    assert "Column 4 from below: red" in said.out and "The board is empty." in said.out
    assert ". . ." not in said.out
    chess = play("chess", *QUICK, "--plain", "--moves", "e2e4 d7d5", lines="e4d5|hint|board")
    assert "White pawn: d5, a2" in chess.out


COINS = """
[project]
name = "coins"
version = "1"
[project.entry-points."selfplay.games"]
coins = "toy_games:Coins"
"""


def test_a_packages_game_without_bundle_or_drawing_is_played_by_rollouts(
    play: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = document_package.write({"coins/pyproject.toml": COINS}, tmp_path)
    document_package.announce(package)
    monkeypatch.syspath_prepend(package)
    said = play("coins", "--simulations", "8", lines="|".join(["hint", "analysis", "go", "board", "quit"]))
    assert said.code == 0 and "uct (8 simulations)" in said.out


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["conect-four"], "Did you mean 'connect-four'?"),
        (["connect-four", "--against", "rndom"], "Did you mean 'random'?"),
        (["connect-four", "--against", "bundled?simulations=9"], "leave out what follows 'bundled'"),
        (["connect-four", "--against", "alphabeta:4"], "no alpha–beta engine"),
        (["connect-four", "--level", "11"], "from 1 to 10"),
        (["connect-four", "--simulations", "-3"], "--simulations"),
        (["connect-four", "--clock", "soon"], "5+3"),
        (["connect-four", "--moves", "448"], "move 3"),
        (["connect-four", "--fen", "x"], "no FEN"),
        (["connect-four", "--load", "missing.txt"], "cannot be read"),
        (["connect-four", "--record", "a.pgn"], "does not end in .txt"),
        (["connect-four", "--as", "none", "--against", "human"], "--as none"),
        (["connect-four", "--agent", "human"], "--agent"),
        (["connect-four", "--level", "3", "--simulations", "3"], "not allowed"),
        (["."], "holds no checkpoint"),
    ],
)
def test_a_wrong_word_is_refused_in_one_sentence(play: Any, words: list[str], hint: str) -> None:
    said = play(*words, lines="4")
    assert said.code == 2 and hint in said.err and len(said.err.splitlines()) == 1, said.err


def test_wrong_lines_are_answered_and_nothing_is_lost(play: Any) -> None:
    noise = ["x", "44", "hnit", "\x00", "é" * 300, "load .", "fen", "moves 9", "?", "a b c", "!", "save! "]
    said = play("connect-four", *QUICK, lines="|".join(["4", *noise, "moves"]))
    assert said.code == 0 and "Did you mean 'hint'?" in said.out
    assert said.after("moves").startswith("4") and len(said.after("moves")) == 2


def test_an_engine_that_dies_costs_no_game(play: Any, tmp_path: Path) -> None:
    engine = tmp_path / "dies.sh"
    answers = "uci) echo uciok;; isready) echo readyok;; go*) exit 1;;"
    engine.write_text(f'#!/bin/sh\nwhile read line; do case "$line" in {answers} esac; done\n')
    engine.chmod(0o755)
    said = play("chess", *QUICK, "--plain", "--against", f"uci:{engine}?nodes=5", lines="e4|moves|go|undo|moves|quit")
    assert said.code == 0 and said.out.count("('go' asks again.)") == 2
    assert "> moves\n1. e4\n" in said.out and said.after("moves") == "No move was played yet."


def test_a_damaged_agent_is_refused(play: Any, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"meta": {"game": "connect-four"}}')
    said = play("agent", lines="4")
    assert said.code == 2 and "damaged" in said.err


# -- the table -------------------------------------------------------------------------------------------------------


def test_time_left_comes_back_with_a_move_that_is_taken_back() -> None:
    at = session.GameSession(games.make("connect-four"), session.TwoClocks(60.0, 5.0))
    assert at.clock is not None
    at.play([3])
    assert at.clock.left(0) == 65.0
    at.undo()
    assert at.clock.left(0) == 60.0


def test_a_different_move_forgets_those_taken_back_and_the_same_keeps_them() -> None:
    at = session.GameSession(games.make("connect-four"))
    at.play_record("4453")
    for _ in range(3):
        at.undo()
    at.play([3])
    assert [move.text for move in at.ahead] == ["3", "5"]
    at.play([0])
    assert at.ahead == []


def test_clocks_are_read_and_refused() -> None:
    assert (session.clock("5+3").seconds, session.clock("5+3").increment) == (300.0, 3.0)
    assert session.clock("0.5").seconds == 30.0
    for text in ("", "0", "5+", "-1", "1e3", "2000", "5+9999"):
        with pytest.raises(UserError, match="is no clock"):
            session.clock(text)


def test_a_record_with_move_numbers_is_read() -> None:
    at = session.GameSession(games.make("chess"))
    at.play_record("1. e4 e5 2.Nf3 2... Nc6")
    assert [move.text for move in at.moves] == ["e4", "e5", "Nf3", "Nc6"]
    with pytest.raises(IllegalMove, match="move 1: 'Nf3'"):
        at.play_record("Nf3")


def test_a_variation_is_told_in_whole_moves() -> None:
    game = games.make("checkers")
    states = notation_of(game).from_fen("B:W6,15,32:B1")
    at = session.GameSession(game)
    at.set_up(states)
    actions = at.read("1x10x19")
    assert len(actions) == 2
    assert session.variation(game, states, actions) == ["1x10x19"]
    assert np.array_equal(at.states, states)


# -- a terminal --------------------------------------------------------------------------------------------------------


def _terminal(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100",
                   "PYTHONIOENCODING": "utf-8"}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "selfplay", "play", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        env=environment, close_fds=True, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def _read_until(terminal: int, pattern: str, seconds: float = 60.0) -> str:
    seen, end = b"", time.monotonic() + seconds
    while not re.search(pattern.encode(), seen, re.DOTALL):
        ready = select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]
        assert ready, f"no {pattern!r} in {seen.decode(errors='replace')}"
        seen += os.read(terminal, 65536)
    return seen.decode(errors="replace")


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    time.sleep(0.5)  # a signal between the prompt and the wait for a key is noticed at that key only
    process.send_signal(signal.SIGINT)


def _finished(process: subprocess.Popen[bytes], terminal: int) -> int:
    """The exit code; what is still said is read, since a terminal is put in order only when all has been."""
    with contextlib.suppress(OSError):  # nobody is at the other end any more
        while os.read(terminal, 65536):
            pass
    return process.wait(timeout=60)


def test_on_a_terminal_the_board_is_drawn_and_ctrl_c_leaves_at_the_second_time() -> None:
    process, terminal = _terminal("tic-tac-toe", *QUICK)
    try:
        assert "\x1b[" in _read_until(terminal, "move 1> ")
        os.write(terminal, b"5\n")
        _read_until(terminal, "move 3> ")
        _interrupt(process)
        _read_until(terminal, "Ctrl-C once more leaves.*move 3> ")
        _interrupt(process)
        assert _finished(process, terminal) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_ctrl_c_makes_a_thinking_agent_move() -> None:
    process, terminal = _terminal("connect-four", "--simulations", "100000", "--seed", "1")
    try:
        _read_until(terminal, "move 1> ")
        os.write(terminal, b"4\n")
        _read_until(terminal, "visits")
        _interrupt(process)
        assert "Agent plays" in _read_until(terminal, "move 3> ", 20)
        os.write(terminal, b"\x04")
        assert _finished(process, terminal) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_what_a_loaded_game_has_wrong_is_said(play: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pgn").write_text("1. e4 *\n" + "1. d4 2. e5!!! (1... d5) {x {y} 1/2-1/2\n", "utf-8")
    wrong = ["the number of a move is 2", "the mark '!!!' has no number", "another {", "variations were passed over: 1"]
    said = play("chess", *QUICK, "--against", "human", lines="load a.pgn 2")
    assert said.code == 0 and all(words in said.out for words in wrong) and "In the file, game 2: line 2:" in said.out
    (tmp_path / "b.pgn").write_text("1. d4 2. e5 *\n", "utf-8")
    said = play("chess", *QUICK, "--against", "human", "--load", "b.pgn", lines="moves")
    assert said.err == "selfplay: warning: 'b.pgn', game 1: line 1: the number of a move is 2 where 1 is due\n"
    said = play("chess", *QUICK, "--against", "human", "--fen", "4k3/8/8/8/8/8/8/4K2R w KQ - 0 1", lines="moves")
    assert said.err.count("\n") == 1 and "--fen: no king and rook can castle by the right Q" in said.err
