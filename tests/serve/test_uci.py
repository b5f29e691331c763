"""`selfplay uci`: the handshake, options, searches and their limits, mistakes, and games refereed by python-chess."""

from __future__ import annotations

import dataclasses
import io
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chess
import chess.engine
import numpy as np
import pytest
import tiny
from facets import protocols_of
from program import WAIT, Program

import games
from selfplay.players import network_player, pretrained
from selfplay.search import search
from selfplay.search.config import SearchConfig
from selfplay.serve import engine_session, notations, options, uci
from selfplay.serve.search_request import SearchRequest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def chess_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.weights_folder(tmp_path_factory.mktemp("chess"), "chess")


@pytest.fixture(scope="session")
def four_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.weights_folder(tmp_path_factory.mktemp("four"), "connect-four")


@pytest.fixture(scope="module")
def engine(chess_run: Path) -> Iterator[Program]:
    """One chess engine for the tests that leave it as it was."""
    with Program("uci", chess_run) as program:
        program.ask("uci", "isready", until="readyok")
        yield program
        assert program.close() == 0
        assert program.errors() == ""


def number(line: str, word: str) -> int:
    found = re.search(rf" {word} (-?\d+)", line)
    assert found, line
    return int(found[1])


def infos(said: list[str]) -> list[str]:
    return [line for line in said if line.startswith("info depth")]


# The handshake


def test_nothing_heavy_is_loaded_before_the_answer_to_uci(chess_run: Path) -> None:
    code = f"""
import os, sys
from selfplay.cli import main
from selfplay.serve import pipe
heard = []
real = pipe.Server.say
def say(self, *lines):
    real(self, *lines)
    if "uciok" in lines:
        heavy = {{"torch", "numpy", "numba", "scipy", "chess", "ray", "rich"}} & set(sys.modules)
        sys.stderr.write(f"heavy: {{sorted(heavy)}}\\n")
pipe.Server.say = say
pipe.PATIENCE = 60
main.main(["uci", {str(chess_run)!r}])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input="uci\nquit\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "heavy: []" in done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("id name selfplay") and lines[1].startswith("id author") and lines[-1] == "uciok"
    assert all(line.startswith("option name ") for line in lines[2:-1])


def announced(run: Path) -> dict[str, str]:
    """Option lines by name, without an engine."""
    sink = io.BytesIO()

    def never() -> engine_session.EngineSession:
        raise AssertionError("nothing asks for the engine")

    talk = uci.UciServer(never, pretrained.peek(run), io.BytesIO(), sink)
    talk.obey("uci")
    found = re.findall(r"^option name (.+?) type (.+)$", sink.getvalue().decode(), re.MULTILINE)
    assert len(found) == len(dict(found)), "each option once"
    return dict(found)


def test_options_have_types_defaults_and_ranges(chess_run: Path, four_run: Path) -> None:
    found = announced(chess_run)
    assert found["Hash"] == "spin default 256 min 1 max 65536"
    assert found["MultiPV"].startswith("spin default 1 min 1 max ")
    assert found["Level"] == "spin default 10 min 1 max 10"
    assert found["Ponder"] == found["UCI_AnalyseMode"] == found["UCI_Chess960"] == "check default false"
    assert found["UCI_Variant"] == "combo default chess var chess"
    assert found["Policy"] == "combo default puct var gumbel var puct var uct"
    assert found["CPuct"] == "string default 1.5"
    four = announced(four_run)
    assert four["UCI_Variant"] == "combo default cfour var cfour"
    assert "UCI_Chess960" not in four


def test_defaults_are_those_that_the_agent_was_trained_with() -> None:
    changed = options.with_defaults(options.of_search(), {"c_puct": 2, "solve": False, "policy": "uct", "c_visit": "x"})
    found = {option.key: option.default for option in changed}
    assert (found["c_puct"], found["solve"], found["policy"], found["c_visit"]) == (2.0, False, "uct", 50.0)
    assert isinstance(found["c_puct"], float)


def test_options_of_the_search_are_its_settings_with_their_ranges() -> None:
    assert [option.key for option in options.of_search()] == [field.name for field in dataclasses.fields(SearchConfig)]
    found = {option.key: option for option in options.of_search()}
    assert all(option.default == getattr(SearchConfig(), key) for key, option in found.items())
    assert found["max_num_considered_actions"][1:5] == ("MaxNumConsideredActions", 16, 1, 1_000_000)
    assert found["fpu_reduction"][1:5] == ("FpuReduction", 0.2, 0, 2)
    assert found["c_puct"][1:5] == ("CPuct", 1.5, 0, 1000)
    assert found["policy"].choices == ("gumbel", "puct", "uct")
    assert {key for key, option in found.items() if option.idle} == {
        "dirichlet_alpha", "dirichlet_fraction", "gumbel_scale",
    }  # fmt: skip


@pytest.mark.parametrize("name", uci.VARIANTS)
def test_the_table_of_variants_is_that_of_the_games(name: str) -> None:
    text = protocols_of(games.make(name)).uci()
    assert text is not None and text.variant == uci.VARIANTS[name]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("hash", "64", 64), ("solve", "False", False), ("policy", "UCT", "uct"), ("c_puct", " 2.5 ", 2.5),
        ("hash", "0", None), ("hash", "many", None), ("hash", "", None), ("solve", "1", None), ("policy", "x", None),
        ("c_puct", "-1", None), ("c_puct", "nan", None), ("c_puct", "inf", None), ("fpu_reduction", "3", None),
    ],
)  # fmt: skip
def test_values_of_options_are_read_and_checked(key: str, text: str, value: Any) -> None:
    option = next(option for option in (*options.ENGINE, *options.of_search()) if option.key == key)
    if value is None:
        with pytest.raises(ValueError, match=option.name):
            options.parse(option, text)
    else:
        assert options.parse(option, text) == value


def test_a_checkpoint_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "selfplay", "uci", str(tmp_path)], cwd=ROOT, input="uci\n", capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("selfplay: ") and done.stderr.count("\n") == 1


def test_a_damaged_checkpoint_is_told_to_both_sides(tmp_path: Path) -> None:
    run = tiny.weights_folder(tmp_path, "chess")
    (run / "checkpoints" / "000007" / "net.safetensors").write_bytes(b"")
    with Program("uci", run) as program:
        assert program.ask("uci", until="uciok")
        assert "damaged" in program.ask("isready", until="info string")[-1]
        assert program.process.wait(WAIT) == 2
        assert "damaged" in program.errors()


# Searches


def test_a_walk_through_what_interfaces_check(engine: Program) -> None:
    """The order of things that tournament managers go through before they trust an engine."""
    assert engine.ask("isready", until="readyok") == ["readyok"]
    engine.send("ucinewgame")
    assert engine.ask("isready", until="readyok") == ["readyok"]
    fen = "r1bqkbnr/pppp1ppp/2n5/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R w KQkq - 2 3"
    for position in ("startpos", "startpos moves e2e4 e7e5", f"fen {fen}", f"fen {fen} moves f1b5 a7a6"):
        for limit in ("nodes 40", "depth 1", "movetime 60", "wtime 500 btime 500 winc 20 binc 20",
                      "wtime 300 btime 300 movestogo 3"):  # fmt: skip
            said = engine.ask(f"position {position}", f"go {limit}")
            board = chess.Board() if position.startswith("startpos") else chess.Board(fen)
            for move in position.partition("moves ")[2].split():
                board.push_uci(move)
            words = said[-1].split()
            assert board.is_legal(chess.Move.from_uci(words[1]))
            if len(words) > 2:
                assert words[2] == "ponder"
                board.push_uci(words[1])
                assert board.is_legal(chess.Move.from_uci(words[3]))
                board.pop()
            told = infos(said)
            assert told, "at least one line before the move"
            for line in told:
                assert re.fullmatch(
                    r"info depth \d+ seldepth \d+ multipv 1 score (cp|mate) -?\d+ nodes \d+ nps \d+ hashfull \d+ "
                    r"time \d+ pv( [a-h][1-8][a-h][1-8][qrbn]?)+",
                    line,
                )
                after = board.copy()
                for move in line.partition(" pv ")[2].split():
                    after.push_uci(move)
                assert number(line, "seldepth") >= 1 and number(line, "hashfull") <= 1000
            assert told[-1].partition(" pv ")[2].split()[0] == words[1]


def test_nodes_are_counted_as_asked(engine: Program) -> None:
    said = engine.ask("ucinewgame", "position startpos", "go nodes 100")
    assert 100 <= number(infos(said)[-1], "nodes") <= 116


def test_the_tree_is_kept_from_move_to_move(engine: Program) -> None:
    said = engine.ask("ucinewgame", "position startpos", "go nodes 1000")
    _, move, _, reply = said[-1].split()
    said = engine.ask(f"position startpos moves {move} {reply}", "go nodes 1")
    assert number(infos(said)[-1], "nodes") > 1


def test_infinite_ends_when_stopped_and_not_before(engine: Program) -> None:
    # Black is mated by any of several moves: the search knows soon, and keeps it to itself until asked.
    engine.send("position fen 7k/5Q2/6K1/8/8/8/8/8 w - - 0 1", "go infinite")
    time.sleep(0.5)
    said = engine.ask("isready", until="readyok")
    assert not any(line.startswith("bestmove") for line in said)
    said = engine.ask("stop")
    assert number(infos(said)[-1] if infos(said) else "info depth 1 score mate 1", "mate") == 1


def test_go_alone_is_infinite_and_a_stop_too_many_is_nothing(engine: Program) -> None:
    engine.send("stop", "position startpos", "go")
    time.sleep(0.1)
    engine.send("stop", "stop")
    assert engine.until("bestmove")
    engine.send("stop")
    assert engine.ask("isready", until="readyok") == ["readyok"]


def test_a_second_go_stops_the_first(engine: Program) -> None:
    said = engine.ask("position startpos", "go infinite", "position startpos moves e2e4", "go nodes 10")
    said += engine.until("bestmove")
    moves = [line.split()[1] for line in said if line.startswith("bestmove")]
    board = chess.Board()
    assert len(moves) == 2 and board.is_legal(chess.Move.from_uci(moves[0]))
    board.push_uci("e2e4")
    assert board.is_legal(chess.Move.from_uci(moves[1]))


def test_pondering_lasts_until_the_hit_and_then_the_clock_runs(engine: Program) -> None:
    engine.send("position startpos moves e2e4 e7e5", "go ponder wtime 2000 btime 2000")
    time.sleep(0.4)
    assert engine.ask("isready", until="readyok")[-1] == "readyok"
    engine.send("ponderhit")
    said = engine.until("bestmove", 5)
    assert said[-1].startswith("bestmove")
    engine.send("position startpos moves e2e4", "go ponder wtime 2000 btime 2000")
    assert engine.ask("stop")[-1].startswith("bestmove")


def test_a_move_has_the_time_it_was_given(engine: Program) -> None:
    began = time.perf_counter()
    engine.ask("position startpos", "go movetime 400")
    took = time.perf_counter() - began
    assert 0.3 < took < 5, "the upper bound is for busy machines"


def test_a_clock_that_has_run_out_gets_a_move_at_once(engine: Program) -> None:
    said = engine.ask("ucinewgame", "position startpos", "go wtime -20 btime 1000")
    assert number(infos(said)[-1], "nodes") < 300


def test_several_variations_are_told_best_first(engine: Program) -> None:
    said = engine.ask("setoption name MultiPV value 3", "position startpos", "go nodes 200")
    last = infos(said)[-3:]
    assert [number(line, "multipv") for line in last] == [1, 2, 3]
    assert len({line.partition(" pv ")[2].split()[0] for line in last}) == 3
    engine.send("setoption name multipv value 1")


def test_shares_of_win_draw_and_loss_are_shown_when_asked_for(engine: Program) -> None:
    said = engine.ask("setoption name UCI_ShowWDL value true", "position startpos", "go nodes 30")
    shares = re.search(r" wdl (\d+) (\d+) (\d+) nodes", infos(said)[-1])
    assert shares and sum(map(int, shares.groups())) == 1000
    engine.send("setoption name UCI_ShowWDL value false")


def test_statistics_of_every_move_on_request(engine: Program) -> None:
    said = engine.ask("setoption name VerboseMoveStats value true", "position startpos", "go nodes 30")
    rows = [line for line in said if re.match(r"info string \S+ N: \d+ \(P: [\d.]+%\) .*\(Q: [-+][\d.]+\)", line)]
    assert len(rows) == 20
    engine.send("setoption name VerboseMoveStats value false")


def test_searchmoves_are_the_only_ones_considered(engine: Program) -> None:
    said = engine.ask("position startpos", "go nodes 50 searchmoves a2a3 h2h4")
    assert said[-1].split()[1] in ("a2a3", "h2h4")
    said = engine.ask("go searchmoves e2e5 nodes 30")
    assert any("e2e5" in line for line in said if line.startswith("info string"))
    assert said[-1].startswith("bestmove")


def test_a_mate_is_scored_in_moves(engine: Program) -> None:
    # White: Kg6, Ra1; black: Kh8, in the corner: Ra8 mates.
    said = engine.ask("position fen 7k/8/6K1/8/8/8/8/R7 w - - 0 1", "go mate 1")
    assert " score mate 1 " in infos(said)[-1] and said[-1].split()[1] == "a1a8"
    # A move before it, Black has Kh8-g8 only.
    said = engine.ask("position fen 6k1/R7/6K1/8/8/8/8/8 b - - 0 1", "go nodes 400")
    assert said[-1].split()[1] in ("g8f8", "g8h8")


@pytest.mark.parametrize(
    ("position", "score"),
    [("startpos moves f2f3 e7e5 g2g4 d8h4", "mate 0"), ("fen 7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "cp 0")],
)
def test_a_game_that_is_over_has_no_move(engine: Program, position: str, score: str) -> None:
    said = engine.ask(f"position {position}", "go nodes 10")
    assert said == [f"info depth 0 score {score}", "bestmove (none)"]


def test_a_draw_that_nobody_claimed_is_played_on(engine: Program) -> None:
    back_and_forth = "g1f3 g8f6 f3g1 f6g8 " * 4
    said = engine.ask(f"position startpos moves {back_and_forth}", "go nodes 20")
    assert chess.Board().is_legal(chess.Move.from_uci(said[-1].split()[1]))
    quiet = "fen 7k/8/6K1/8/8/8/8/R7 w - - 120 200"
    assert engine.ask(f"position {quiet}", "go nodes 20")[-1] != "bestmove (none)"


def test_the_move_tree_is_counted(engine: Program) -> None:
    said = engine.ask("position startpos", "go perft 3", until="Nodes searched")
    assert said[-1] == "Nodes searched: 8902" and "e2e4: 600" in said
    engine.send("go perft 3000")
    time.sleep(0.1)
    engine.send("stop")
    assert engine.ask("isready", until="readyok")[-1] == "readyok"


def test_the_board_is_drawn(engine: Program) -> None:
    said = engine.ask("position startpos moves e2e4", "d", until="Fen")
    assert "4 . . . . P . . ." in said
    assert said[-1].startswith("Fen: rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq")


def test_castling_is_written_as_chess960_says(engine: Program) -> None:
    fen = "position fen 4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1"
    engine.send("setoption name UCI_Chess960 value true")
    assert engine.ask(fen, "go nodes 10 searchmoves e1h1")[-1].split()[1] == "e1h1"
    engine.send("setoption name UCI_Chess960 value false")
    assert engine.ask(fen, "go nodes 10 searchmoves e1g1")[-1].split()[1] == "e1g1"


def test_weak_levels_search_little_and_vary(engine: Program) -> None:
    engine.send("setoption name Level value 1", "position startpos")
    moves = {engine.ask("ucinewgame", "position startpos", "go nodes 1000")[-1].split()[1] for _ in range(20)}
    assert len(moves) > 3
    engine.send("setoption name Level value 5", "ucinewgame")
    assert number(infos(engine.ask("position startpos", "go nodes 1000"))[-1], "nodes") <= 24
    engine.send("setoption name UCI_AnalyseMode value true")
    assert number(infos(engine.ask("position startpos", "go nodes 200"))[-1], "nodes") >= 200
    engine.send("setoption name UCI_AnalyseMode value false", "setoption name Level value 10")


def test_hash_limits_the_tree(engine: Program) -> None:
    said = engine.ask("setoption name Hash value 1", "position startpos", "go nodes 1000000")
    assert number(infos(said)[-1], "hashfull") == 1000
    game = games.make("chess")
    nodes = engine_session.room(game, SearchConfig(), 1)
    made = search.Search(game, 1, SearchConfig(), nodes, 16)
    size = sum(a.nbytes for a in (made.states, made.trees.nodes, made.trees.edges, made.trees.actions,
                                  made.trees.visits_in_flight))  # fmt: skip
    assert 0.9 * 2**20 < size <= 1.01 * 2**20
    engine.send("setoption name Hash value 256")


def test_options_reach_the_search(chess_run: Path) -> None:
    player = network_player.load(chess_run)
    text = protocols_of(player.game).uci()
    assert text is not None
    made = engine_session.EngineSession(player, notations.UciNotation(text), np.random.default_rng(1))
    by_key = {option.key: option for option in (*options.ENGINE, *options.of_search())}
    made.set(by_key["c_puct"], 3.5)
    made.set(by_key["look_ahead"], True)
    made.set(by_key["leaves"], 4)
    assert made._analyzer is not None
    assert (made._analyzer.config.c_puct, made._analyzer.config.look_ahead) == (3.5, True)
    with pytest.raises(Exception, match="c_puct"):
        made.set(by_key["c_puct"], 0.0)
    assert made.config.c_puct == 3.5, "the old value is kept"


# Mistakes


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("setoption name Nonsense value 3", "no option is called 'Nonsense'"),
        ("setoption", "no option"),
        ("setoption name Hash value lots", "whole number from 1 to 65536"),
        ("setoption name CPuct value 0", "c_puct"),
        ("setoption name GumbelScale value 0.5", "no effect"),
        ("setoption name Threads value 4", "Threads has no effect here"),
        ("setoption name SyzygyPath value /tables/5 men", "SyzygyPath has no effect here"),
        ("setoption\tname  OwnBook\tvalue\ttrue", "OwnBook has no effect here"),
        ("setoption name UCI_Opponent value GM 2800 human A. Person", "UCI_Opponent has no effect here"),
        ("\x00\x01 quatsch", "unknown command"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_the_position_is_kept(engine: Program, line: str, hint: str) -> None:
    engine.send("position startpos moves e2e4")
    said = engine.ask(line, "isready", until="readyok")
    assert len(said) == 2 and said[0].startswith("info string ") and hint in said[0], said
    assert "4P3" in engine.ask("d", until="Fen")[-1]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("position startpos moves d2d5", "move 1: 'd2d5' is not a legal move"),
        ("position startpos moves d2d4 d7d5 e1e3", "move 3: 'e1e3'"),
        ("position fen 8/8/8 w - - 0 1", "info string"),
        ("position fen", "info string"),
        ("position", "startpos or fen"),
        ("position moves d2d4", "startpos or fen"),
        (b"position startpos moves " + b"d2d4 " * 100_000, "was left out"),
    ],
    ids=["first move", "third move", "no FEN", "empty FEN", "alone", "no start", "too long"],
)
def test_after_a_refused_position_no_move_of_another_is_answered(engine: Program, line: str | bytes, hint: str) -> None:
    engine.send("position startpos moves e2e4")
    said = engine.ask(line, "go nodes 20")
    assert all(each.startswith("info string ") for each in said[:-1]) and hint in said[0], said
    assert "was refused" in said[1] and said[-1] == "bestmove 0000"
    engine.send("go infinite")
    said = engine.ask("isready", until="readyok")
    assert not any(each.startswith("bestmove") for each in said), "an endless search waits for stop"
    assert engine.ask("stop")[-1] == "bestmove 0000"
    said = engine.ask("position startpos moves d2d4", "go nodes 20")
    board = chess.Board()
    board.push_uci("d2d4")
    assert board.is_legal(chess.Move.from_uci(said[-1].split()[1])), "the next position is answered"


@pytest.mark.parametrize("end", ["quit\n", ""], ids=["quit", "end of file"])
def test_commands_from_a_file_are_answered_though_it_ends_before_the_agent_is_loaded(chess_run: Path, end: str) -> None:
    commands = f"uci\nisready\nposition startpos moves e2e4\nd\ngo nodes 5\n{end}"
    done = subprocess.run(
        [sys.executable, "-m", "selfplay", "uci", str(chess_run)], cwd=ROOT, input=commands, capture_output=True,
        text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "readyok" in done.stdout and "4P3" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("bestmove ")


@pytest.mark.parametrize(
    ("position", "placement"),
    [
        ("4k3/6P1/8/8/8/8/8/4K3 w - - 0 1 moves g7g8R", "4k1R1/8/8/8/8/8/8/4K3 b"),
        ("4k3/8/8/8/8/8/p7/4K3 b - - 0 1 moves A2A1N", "4k3/8/8/8/8/8/8/n3K3 w"),
    ],
    ids=["white", "black"],
)
def test_capitals_in_moves_are_read(engine: Program, position: str, placement: str) -> None:
    assert placement in engine.ask(f"position fen {position}", "d", until="Fen")[-1]


def test_words_are_told_apart_by_any_white_space(engine: Program) -> None:
    engine.send("position\tfen\t4k3/8/8/8/8/8/8/4K2R  w\tK - 0\t1\tmoves\th1h5\v")
    assert "4k3/8/8/7R/8/8/8/4K3 b" in engine.ask("d", until="Fen")[-1]
    assert engine.ask("\tjoho\t isready\f", until="readyok") == ["readyok"]
    assert engine.ask("go\tnodes\t10")[-1].startswith("bestmove e8")


def test_options_of_common_interfaces_are_announced(chess_run: Path) -> None:
    found = announced(chess_run)
    assert found["Threads"] == "spin default 1 min 1 max 1024"
    assert found["SyzygyPath"] == "string default <empty>"
    assert {"Hash", "MultiPV", "Ponder", "OwnBook", "Move Overhead", "UCI_ShowWDL", "UCI_Opponent"} <= set(found)


def test_unknown_words_before_a_command_are_skipped(engine: Program) -> None:
    assert engine.ask("joho isready", until="readyok") == ["readyok"]
    said = engine.ask("position startpos", "go quickly nodes ten")
    assert said[-1].startswith("bestmove"), "an unreadable limit is met at once"


def test_noise_and_a_very_long_line_do_no_harm(engine: Program) -> None:
    noise = bytes(range(256)).replace(b"\n", b"")
    engine.send(noise * 3, b"position startpos moves " + b"e2e4 " * 200_000, b"\xff" * 100)
    said = engine.ask("isready", until="readyok")
    assert all(line.startswith("info string") for line in said[:-1])


def test_no_move_is_lost_among_blanks_and_carriage_returns(engine: Program) -> None:
    said = engine.ask("position   startpos\t moves  e2e4 \r", "\r", "   ", "go  nodes   20\r")
    board = chess.Board()
    board.push_uci("e2e4")
    assert board.is_legal(chess.Move.from_uci(said[-1].split()[1]))


# Ends


def test_the_end_of_the_input_ends_a_search_at_once(chess_run: Path) -> None:
    with Program("uci", chess_run) as program:
        program.ask("uci", until="uciok")
        # Asked before the engine is loaded, `isready` is answered as soon as it is, and waits for no search.
        program.ask("position startpos", "go infinite", "isready", until="readyok")
        time.sleep(0.3)
        began = time.monotonic()
        assert program.close() == 0
        assert time.monotonic() - began < 3
        assert program.errors() == ""


def test_the_end_of_the_input_while_loading_ends_at_once_where_nothing_was_asked(chess_run: Path) -> None:
    with Program("uci", chess_run) as program:
        program.ask("uci", until="uciok")
        began = time.monotonic()
        assert program.close() == 0
        assert time.monotonic() - began < 3


# Games


@pytest.fixture
def client(chess_run: Path) -> Iterator[chess.engine.SimpleEngine]:
    command = [sys.executable, "-m", "selfplay", "uci", str(chess_run)]
    with chess.engine.SimpleEngine.popen_uci(command, cwd=str(ROOT), timeout=WAIT) as made:
        yield made


def test_python_chess_plays_a_game_with_it(client: chess.engine.SimpleEngine) -> None:
    client.configure({"Hash": 16, "VerboseMoveStats": False})
    board = chess.Board()
    while not board.is_game_over() and len(board.move_stack) < 24:
        result = client.play(board, chess.engine.Limit(nodes=16), info=chess.engine.INFO_ALL, ponder=True)
        assert result.move in board.legal_moves
        assert result.info["pv"][0] == result.move and "score" in result.info
        board.push(result.move)
    found = client.analyse(board, chess.engine.Limit(nodes=60), multipv=2)
    assert len(found) == 2


def test_connect_four_is_played_as_a_variant(four_run: Path) -> None:
    player = network_player.load(four_run)
    text = protocols_of(player.game).uci()
    assert text is not None
    engine = engine_session.EngineSession(player, notations.UciNotation(text), np.random.default_rng(1))
    moves: list[str] = []
    while not engine.over:
        move = engine.play(SearchRequest(simulations=30)).move
        assert move is not None
        moves.append(move)
        engine.set_position(None, moves)
    assert moves[0].startswith("P@") and 7 <= len(moves) <= 42
    assert engine.play(SearchRequest(simulations=30)).move is None
    engine.set_position(text.to_fen(player.game.initial_states(1)[0]), moves[:3])
    assert engine.play(SearchRequest(simulations=30)).move is not None


# Fuzz


VOCABULARY = """uci isready ucinewgame position startpos fen moves go searchmoves ponder wtime btime winc binc movestogo
depth nodes mate movetime infinite perft stop ponderhit setoption name value debug on off register later d Hash MultiPV
Level Threads Temperature UCI_Chess960 Policy CPuct ReuseTree e2e4 e7e5 g1f3 a7a8q 0000 -1 0 1 2 3 50 1e9 nan true false
99999999999999999999 rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w b KQkq - puct gumbel \u00e9 \x00 = " ' \\ %"""
WORDS = VOCABULARY.split()
LINES = [
    "position startpos moves e2e4 e7e5", "go nodes 5", "go movetime 2", "go infinite", "stop", "ponderhit", "go ponder",
    "setoption name MultiPV value 2", "setoption name Hash value 2", "go perft 2", "isready", "d", "uci", "ucinewgame",
    "position fen 7k/8/6K1/8/8/8/8/R7 w - - 0 1", "go wtime 50 btime 50 winc 1 binc 1", "go depth 2",
]  # fmt: skip


def mutated(rng: random.Random) -> bytes:
    line = rng.choice(LINES) if rng.random() < 0.7 else " ".join(rng.choices(WORDS, k=rng.randrange(1, 9)))
    words = line.split(" ")
    for _ in range(rng.randrange(3)):
        place = rng.randrange(len(words) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            words.insert(place, rng.choice(WORDS))
        elif kind == 1 and words:
            words.pop(place % len(words))
        elif kind == 2 and words:
            words[place % len(words)] = rng.choice(WORDS)
        else:
            rng.shuffle(words)
    data = bytearray(" ".join(words).encode())
    if rng.random() < 0.2 and data:
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data).replace(b"\n", b"").replace(b"quit", b"qui")


def fuzz(program: Program, lines: int, seed: int) -> None:
    """Sends mutated lines; after each 50, the engine must be there."""
    rng = random.Random(seed)
    slowest = 0.0
    for count in range(1, lines + 1):
        program.send(mutated(rng))
        if count % 50 == 0:
            began = time.monotonic()
            program.ask("stop", "isready", until="readyok")
            slowest = max(slowest, time.monotonic() - began)
            program.send(f"end {count}")  # what was sent may have asked for many answers
            program.until(f"info string unknown command: end {count}")
    assert slowest < 10, "a second, but for busy machines"


def test_mutated_lines_never_end_or_hold_it(chess_run: Path) -> None:
    with Program("uci", chess_run) as program:  # of its own: a search that was asked for may still be answering
        fuzz(program, 400, seed=1)
        assert program.close() == 0
        assert program.errors() == ""


@pytest.mark.slow
def test_ten_thousand_mutated_lines_never_end_or_hold_it(chess_run: Path) -> None:
    with Program("uci", chess_run) as program:
        program.ask("isready", until="readyok")
        fuzz(program, 10_000, seed=2)
        assert program.close() == 0
        assert program.errors() == ""


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        ("4k3/8/8/8/8/8/8/4K2R w KQ - 0 1", "info string no king and rook can castle by the right Q"),
        ("4k3/8/8/8/8/8/8/4K2R b K e3 0 1", "info string no pawn can just have passed the en passant square e3"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 999 1", "info string the clock 999 is read as 250"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 1", ""),
    ],
    ids=["a right", "en passant", "the clock", "nothing"],
)
def test_what_a_position_has_wrong_is_said_once(engine: Program, fen: str, words: str) -> None:
    said = engine.ask(f"position fen {fen}", "isready", until="readyok")
    again = engine.ask(f"position fen {fen} moves e1e2" if " w " in fen else f"position fen {fen}", "isready",
                       until="readyok")  # fmt: skip
    told = [line for line in said if line.startswith("info string")]
    assert len(told) == bool(words) and all(line.startswith(words) for line in told)
    assert not [line for line in again if line.startswith("info string")], "the start is the one that was told before"
