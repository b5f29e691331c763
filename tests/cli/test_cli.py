"""The command: exit codes, one sentence for each mistake, Ctrl-C, and the JSON lines of `analyze`."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny
from command import refused

import games
from selfplay.alphazero.agent import AlphaZero
from selfplay.cli import main, train
from selfplay.loop import stop_signal

ROOT = Path(__file__).resolve().parents[2]
TINY = [argument for setting in tiny.SETTINGS for argument in ("--set", setting)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strength without searching 4,520 positions."""
    monkeypatch.setattr(AlphaZero, "evaluate", tiny.Agent.evaluate)


# Help


def test_help_of_every_subcommand_loads_nothing_heavy_and_shows_examples() -> None:
    code = """
import contextlib, io, sys
from selfplay.cli import main
for words in ([], *([name] for name in main.COMMANDS), *(pair.split() for pair in ("games check", "runs show"))):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            main.main([*words, "--help"])
        except SystemExit as left:
            assert left.code == 0, words
    assert "examples:" in text.getvalue() and "usage: selfplay" in text.getvalue(), words
heavy = {"torch", "ray", "numba", "numpy", "matplotlib", "rich", "tensorboard", "msgspec"} & set(sys.modules)
print("heavy:", sorted(heavy))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "heavy: []" in done.stdout


def test_the_version_is_told(selfplay: Any) -> None:
    assert re.fullmatch(r"selfplay \d+\.\d+\.\d+\n", selfplay("--version").out)


# Mistakes


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        ([], ["missing: COMMAND"]),
        (["tran"], ["Did you mean 'train'"]),
        (["train"], ["expected a PRESET", "--list"]),
        (["train", "tic-tac-to"], ["Did you mean 'tic-tac-toe'", "connect-four"]),
        (["train", "tic-tac-toe", "--set", "actor.num_simulation=3"], ["Did you mean 'actor.num_simulations'"]),
        (["train", "tic-tac-toe", "--set", "num_simulations=0"], ["actor.num_simulations"]),
        (["match", "random", "greedy", "--game", "tic-tac-toe", "--alpha", "nan"], ["--alpha", "below 0.5, not 'nan'"]),
        (["train", "tic-tac-toe", "--set", "actor.num_simulations=0"], ["actor.num_simulations", "from 1 to"]),
        (["train", "tic-tac-toe", "--set", "actor.num_simulations"], ["key=value"]),
        (["train", "tic-tac-toe", "--set", "game=go"], ["no game is called 'go'"]),
        (["train", "tic-tac-toe", "--minutes", "soon"], ["run.minutes", "'soon'"]),
        (["train", "tic-tac-toe", "--minutes", "nan"], ["run.minutes"]),
        (["train", "tic-tac-toe", "--generations", "0"], ["run.generations"]),
        (["train", "tic-tac-toe", "--minutes", "1", "--generations", "1"], ["not allowed with"]),
        (["train", "tic-tac-toe", "--actors", "-1"], ["run.actors"]),
        (["train", "chess", "--set", "game_options.history_length=9"], ["history_length is 9", "1 to 8"]),
        (["train", "chess", "--set", "game_options.history_length=x"], ["game_options", "expected `int`"]),
        (["train", "chess", "--set", "game_options.histry=2"], ["no option 'histry'", "history_length"]),
        (["train", "chess", "--set", "game_options=2"], ["game_options.NAME=VALUE"]),
        (["train", "chess", "--set", "evaluation.opponents=random,greedi"], ["Did you mean 'greedy'"]),
        (["train", "tic-tac-toe", "--address", "auto"], ["--actors"]),
        (["train", "tic-tac-toe", "--sed", "1"], ["--sed"]),
        (["analyze"], ["missing: AGENT"]),
        (["analyze", "nowhere"], ["'nowhere' does not exist"]),
        (["analyze", ".", "--simulations", "-1"], ["--simulations"]),
        (["analyze", ".", "--simulations", "many"], ["--simulations"]),
        (["games"], ["missing: ACTION"]),
        (["games", "chek"], ["Did you mean 'check'"]),
        (["games", "check", "tic-tac-to"], ["Did you mean 'tic-tac-toe'"]),
        (["runs", "show", "nowhere"], ["nowhere", "no config.json"]),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two_and_writes_nothing(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], hints: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(selfplay(*words), *hints)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_a_file_or_cannot_be_made_is_refused(selfplay: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(selfplay("train", "tic-tac-toe", "--run", tmp_path / "file"), "is a file")
    refused(selfplay("train", "tic-tac-toe", "--run", tmp_path / "file" / "x", "--plain"), "cannot write")
    refused(selfplay("analyze", tmp_path / "file"), "holds no checkpoint")
    refused(selfplay("runs", "show", tmp_path / "file"), "holds no run")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b'{"preset": "tic-tac-toe", "serch": {}}',
             b'{"preset": "tic-tac-toe", "search": 3}', b'{"preset": "tic-tac-toe", "search": {"c_puct": "x"}}', b"{}"],
    ids=range(11),
)  # fmt: skip
def test_a_config_that_cannot_be_read_is_refused_and_named(selfplay: Any, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "config.json").write_bytes(text)
    refused(selfplay("train", "tic-tac-toe", "--run", tmp_path), "config.json")
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_run_of_another_preset_is_refused(selfplay: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"preset": "connect-four"}')
    refused(selfplay("train", "tic-tac-toe", "--run", tmp_path), "'connect-four', not 'tic-tac-toe'")


def test_a_damaged_checkpoint_is_refused(selfplay: Any, tmp_path: Path) -> None:
    weights = tiny.weights_folder(tmp_path) / "checkpoints" / "000007" / "net.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    refused(selfplay("analyze", tmp_path, "--moves", ""), "net.safetensors is damaged")


def test_a_wrong_move_for_the_table_is_refused_and_the_legal_ones_are_named(selfplay: Any, tmp_path: Path) -> None:
    refused(selfplay("analyze", tiny.weights_folder(tmp_path), "--moves", "448"), "move 3", "Legal moves: 1, 2, 3")


def test_debug_shows_the_traceback(selfplay: Any) -> None:
    with pytest.raises(Exception, match="tic-tac-toe"):
        selfplay("--debug", "train", "tic-tac-to")


# Training


def test_settings_are_listed_with_their_meaning(selfplay: Any) -> None:
    said = selfplay("train", "connect-four", "--settings", "--set", "search.c_puct=2.25", "--minutes", "7")
    assert said.code == 0
    assert "search.c_puct = 2.25\n    Exploration constant of PUCT.\n" in said.out
    assert "run.minutes = 7.0\n" in said.out and "run.generations = none\n" in said.out


@pytest.mark.usefixtures("quick")
def test_a_run_ends_with_its_files_and_repeating_it_says_how_to_go_on(selfplay: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    said = selfplay("train", "tic-tac-toe", "--run", run, "--generations", 1, "--plain", "--seed", 5, *TINY)
    assert said.code == 0 and said.err == ""
    assert str(run) in said.out and "generation 1" in said.out
    for name in ("config.json", "run.json", "metrics.jsonl", "evaluation.png", "checkpoints/000001/net.safetensors"):
        assert (run / name).stat().st_size > 0
    config = json.loads((run / "config.json").read_text())
    assert (config["preset"], config["run"]["seed"], config["run"]["generations"]) == ("tic-tac-toe", 5, 1)

    again = selfplay("train", "tic-tac-toe", "--run", run, "--plain")
    assert again.code == 0
    assert "Resumed at generation 1" in again.out
    assert "The budget of 1 generations is used up." in again.out
    assert f"To go on: selfplay train tic-tac-toe --run {run} --generations 2" in again.out

    on = selfplay("train", "tic-tac-toe", "--run", run, "--plain", "--generations", 2)
    assert on.code == 0 and "Resumed at generation 1" in on.out
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 2

    listed = selfplay("runs", "list", "--root", tmp_path)
    assert listed.code == 0 and str(run) in listed.out and listed.out.count("tic-tac-toe") == 2, "preset and game"
    shown = selfplay("runs", "show", run)
    assert "run.seed = 5" in shown.out and "evaluation by generation:" in shown.out and shown.code == 0

    refused(selfplay("train", "tic-tac-toe", "--run", run, "--set", "network.channels=12"), "network")


def test_presets_are_listed_and_one_is_asked_for(selfplay: Any) -> None:
    listed = selfplay("train", "--list")
    assert listed.code == 0 and {"tic-tac-toe", "gan-ring"} <= set(listed.out.split())
    refused(selfplay("train"), "expected a PRESET", "--config FILE.toml", "--list")
    refused(selfplay("train", "chess", "--config", "my.toml"), "not both")


@pytest.mark.usefixtures("quick")
def test_a_run_is_trained_with_settings_from_a_file(selfplay: Any, tmp_path: Path) -> None:
    file, run = tmp_path / "my.toml", tmp_path / "my run"
    said = selfplay("train", "tic-tac-toe", "--write-config", file, "--generations", 1, *TINY)
    assert said.code == 0 and f"selfplay train --config {file}" in said.out
    refused(selfplay("train", "tic-tac-toe", "--write-config", file), "exists")
    file.write_text(file.read_text().replace("seed = 1\n", "seed = 6\n"))

    said = selfplay("train", "--config", file, "--run", run, "--plain", "--set", "learner.beta1=0.5")
    assert said.code == 0 and said.err == ""
    go_on = f"selfplay train --config {file} --run '{run}' --set learner.beta1=0.5 --generations 2"
    assert f"To go on: {go_on}\n" in said.out
    config = json.loads((run / "config.json").read_text())
    assert (config["preset"], config["run"]["seed"], config["learner"]["beta1"]) == ("my.toml", 6, 0.5)

    said = selfplay(*shlex.split(go_on)[1:], "--plain")
    assert said.code == 0 and "Resumed at generation 1" in said.out
    refused(selfplay("train", "tic-tac-toe", "--run", run), "holds a run of 'my.toml', not 'tic-tac-toe'")
    assert selfplay("train", "--config", file, "--write-config", tmp_path / "other.toml").code == 0
    assert 'preset = "tic-tac-toe"' in (tmp_path / "other.toml").read_text()


def test_the_command_to_go_on_names_the_cluster(tmp_path: Path) -> None:
    parsed = main.parser().parse_args(["train", "chess", "--actors", "2", "--address", "auto", "--minutes", "3"])
    assert train._command(tmp_path, parsed) == f"selfplay train chess --run {tmp_path} --address auto"


def start_training(run: Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "selfplay", "train", "tic-tac-toe", "--run", run, "--generations", "100000", *TINY],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def wait_for_generation(process: subprocess.Popen[str], number: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"generation (\d+) ", line)
        if found and int(found[1]) >= number:
            return
    pytest.fail("training ended by itself: " + (process.stderr.read() if process.stderr else ""))


@pytest.mark.parametrize("ignored", [False, True], ids=["in front", "in the background"])
def test_ctrl_c_saves_and_the_same_command_goes_on(selfplay: Any, tmp_path: Path, ignored: bool, quick: None) -> None:
    # A shell that starts a command with & makes it ignore SIGINT.
    options = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)} if ignored else {}
    with start_training(tmp_path / "run", **options) as process:
        wait_for_generation(process, 2)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - started < 10
    assert process.returncode == 130
    assert "Stopping: saving first" in err and "Traceback" not in err
    assert "The same command goes on: selfplay train tic-tac-toe --run" in out
    said = selfplay("train", "tic-tac-toe", "--run", tmp_path / "run", "--plain", "--generations", 1)
    assert said.code == 0 and re.search(r"Resumed at generation [2-9]\d*", said.out), said.out


def test_the_second_ctrl_c_stops_at_once() -> None:
    stop = stop_signal.StopSignal()
    with stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# Analysis


def asked(selfplay: Any, monkeypatch: pytest.MonkeyPatch, run: Path, data: bytes, *more: Any) -> list[dict[str, Any]]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    said = selfplay("analyze", run, *more)
    assert said.code == 0 and said.err == ""
    return [json.loads(line) for line in said.out.splitlines()]


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"seconds": None}


def check_answer(answer: dict[str, Any], legal: set[str], simulations: int) -> None:
    assert set(answer) == {
        "moves", "best", "pv", "policy", "value", "wdl", "simulations", "moveInfos", "rootInfo",
        "reportAnalysisWinratesAs", "seconds",
    }  # fmt: skip
    assert set(answer["policy"]) == legal and answer["best"] in legal
    assert sum(answer["policy"].values()) == pytest.approx(1, abs=1e-4)
    assert sum(answer["wdl"]) == pytest.approx(1, abs=1e-4) and min(answer["wdl"]) >= 0
    assert answer["wdl"][0] - answer["wdl"][2] == pytest.approx(answer["value"], abs=1e-4)
    assert answer["simulations"] == simulations


def test_analyze_answers_a_position_as_specified(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny.weights_folder(tmp_path)
    line = b'{"game": "connect-four", "moves": "4453", "simulations": 100}\n'
    (answer,) = asked(selfplay, monkeypatch, run, line)
    check_answer(answer, set("1234567"), 100)
    assert answer["moves"] == "4453"
    assert answer["policy"][answer["best"]] == max(answer["policy"].values())
    # The same again for a generation's folder, without an end of line, and once more: no noise.
    (again,) = asked(selfplay, monkeypatch, run / "checkpoints" / "000007", line.strip() * 1)
    assert untimed(again) == untimed(answer)


def test_no_simulations_ask_for_the_policy_alone(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny.weights_folder(tmp_path)
    raw, searched = asked(
        selfplay, monkeypatch, run, b'{"moves": "44444", "simulations": 0}\n{"moves": "44444"}', "--simulations", 30
    )
    check_answer(raw, set("1234567"), 0)
    check_answer(searched, set("1234567"), 30)
    # Shares of visits are multiples of one part; a raw policy is not.
    assert raw["policy"] != searched["policy"]


def test_a_full_column_is_not_offered(selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (answer,) = asked(selfplay, monkeypatch, tiny.weights_folder(tmp_path), b'{"moves": "444444", "simulations": 5}')
    check_answer(answer, set("123567"), 5)


def test_every_bad_line_gets_an_error_in_its_place_and_it_goes_on(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    won = "1212121"
    bad = {
        b"hello": "not JSON",
        b"[1]": "not a JSON object",
        b"null": "not a JSON object",
        b'{"game": "chess"}': "plays connect-four, not 'chess'",
        b'{"game": [1, 2]}': "plays connect-four",
        b'{"moves": "448"}': "Legal moves: 1, 2, 3, 4, 5, 6, 7",
        b'{"moves": "4444444"}': "move 7",
        json.dumps({"moves": won}).encode(): "over",
        b'{"moves": 4453}': "must be a string",
        b'{"moves": "' + b"4" * 5000 + b'"}': "at most 42",
        b'{"moves": "\\ud800"}': "move 1",
        b'{"simulations": -1}': "whole number between 0 and",
        b'{"simulations": 1.5}': "whole number",
        b'{"simulations": true}': "whole number",
        b'{"simulations": "9"}': "whole number",
        b'{"simulations": 1e999}': "whole number",
        b'{"simulations": 1' + b"0" * 400 + b"}": "whole number",
        b'{"simulations": 1' + b"0" * 9000 + b"}": "not JSON",
        b'{"moves": "' + b"4" * 5_000_000 + b'"}': "too long",
        b"\xff\xfe\x00\x01\x80": "not JSON",
        b"[" * 100_000: "not JSON",
        b'{"a":' * 50_000: "not JSON",
    }
    good = b'{"moves": "4", "simulations": 2}'
    data = b"".join(line + b"\n" + good + b"\n\n" for line in bad)
    answers = asked(selfplay, monkeypatch, tiny.weights_folder(tmp_path), data)
    assert len(answers) == 2 * len(bad)
    for (line, words), answer in zip(bad.items(), answers[::2], strict=True):
        assert words in answer["error"], (line[:60], answer)
        assert set(answer) <= {"moves", "error", "line"} and len(answer["error"]) < 300
    for answer in answers[1::2]:
        check_answer(answer, set("1234567"), 2)


def test_answers_come_in_the_order_of_the_questions(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [{"moves": str(n % 7 + 1) + "4", "simulations": n % 4} for n in range(300)]
    data = "\n".join(map(json.dumps, questions)).encode()
    answers = asked(selfplay, monkeypatch, tiny.weights_folder(tmp_path), data)
    assert [(answer["moves"], answer["simulations"]) for answer in answers] == [
        (question["moves"], question["simulations"]) for question in questions
    ]
    assert untimed(answers[1]) == untimed(answers[29])  # the same question


def test_nothing_asked_is_nothing_answered(selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"", b"\n\n  \n"):
        assert asked(selfplay, monkeypatch, tiny.weights_folder(tmp_path), data) == []


def test_a_person_gets_an_answer_before_the_end_of_input(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "selfplay", "analyze", tiny.weights_folder(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        for moves in ("4", "44"):
            process.stdin.write(json.dumps({"moves": moves, "simulations": 3}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["moves"] == moves
        process.stdin.close()
        assert process.wait(30) == 0


def test_the_table_shows_every_legal_move_and_exact_results(selfplay: Any, tmp_path: Path) -> None:
    said = selfplay("analyze", tiny.weights_folder(tmp_path, "tic-tac-toe"), "--moves", "51", "--simulations", 20)
    assert said.code == 0
    assert re.search(r"value [+-]\d\.\d+ for the player to move", said.out)
    rows = [line for line in said.out.splitlines() if re.match(r"│ [2-9]", line)]
    assert len(rows) == 7 and all(re.search("win|draw|loss", row) for row in rows)
    assert sum("←" in row for row in rows) == 1


CHESS_MATE = "6k1/5ppp/8/8/8/8/8/3R2K1 w - - 0 1"


def test_chess_is_asked_by_fen_and_uci_and_answers_with_the_fen_reached(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny.weights_folder(tmp_path, "chess")
    lines = [
        {"game": "chess", "moves": "e2e4 e7e5", "simulations": 3},
        {"fen": CHESS_MATE, "simulations": 60},
        {"start_fen": CHESS_MATE, "moves": "g1f1 g8f8", "simulations": 1},
    ]
    played, mate, both = asked(selfplay, monkeypatch, run, "\n".join(map(json.dumps, lines)).encode())
    assert played["fen"] == "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2"
    assert played["moves"] == "e2e4 e7e5" and "start_fen" not in played and len(played["policy"]) == 29
    assert mate["best"] == "d1d8" and mate["fen"] == mate["start_fen"] == CHESS_MATE and mate["value"] == 1
    assert both["start_fen"] == CHESS_MATE and both["fen"] == "5k2/5ppp/8/8/8/8/8/3R1K2 w - - 2 2"
    table = selfplay("analyze", run, "--fen", CHESS_MATE, "--simulations", 60)
    assert table.code == 0 and "d1d8 ←" in table.out and "8 . . . . . . k ." in table.out


def test_checkers_is_asked_by_fen_and_pdn(selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        {"moves": "11-15 22-18 15x22", "simulations": 2},
        {"fen": "B:W6,14,22,32:B2", "simulations": 2},
        {"fen": "B:W6,14,22,32:B2", "moves": "2x9", "simulations": 2},
        {"fen": "B:W6,14,22,32:B2", "moves": "2x9x18x25", "simulations": 2},
    ]
    data = "\n".join(map(json.dumps, lines)).encode()
    opened, jump, within, after = asked(selfplay, monkeypatch, tiny.weights_folder(tmp_path, "checkers"), data)
    assert set(opened["policy"]) == {"25x18", "26x17"}
    assert set(jump["policy"]) == {"2x9"} and set(within["policy"]) == {"9x18"}
    assert "fen" not in within, "FEN cannot say that a piece has to jump on"
    assert after["fen"] == "W:W32:B25"


@pytest.mark.parametrize(
    ("game", "request_", "words"),
    [
        ("chess", {"fen": "rubbish"}, "is no FEN"),
        ("chess", {"fen": "8/8/8/8/8/8/8/8 w - - 0 1"}, "the board is empty"),
        ("chess", {"fen": CHESS_MATE, "moves": "d1d9"}, "Legal moves: d1"),
        ("chess", {"fen": CHESS_MATE, "start_fen": "x"}, "give one of them"),
        ("chess", {"fen": 5}, "must be a string"),
        ("chess", {"fen": CHESS_MATE, "moves": "d1d8"}, "over"),
        ("chess", {"fen": "8" * 5_000}, "at most 120 characters"),
        ("checkers", {"fen": "B:W6:B33"}, "not a square from 1 to 32"),
        ("checkers", {"moves": "11-15 22-18 15-19"}, "A jump is forced. Legal moves: 15x22"),
        ("connect-four", {"fen": "x"}, "have no FEN"),
    ],
)
def test_a_wrong_position_is_one_sentence(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, game: str, request_: dict[str, Any], words: str
) -> None:
    (answer,) = asked(selfplay, monkeypatch, tiny.weights_folder(tmp_path, game), json.dumps(request_).encode())
    assert words in answer["error"] and len(answer["error"]) < 400 and "\n" not in answer["error"]


# Games and runs


@pytest.mark.parametrize(
    ("name", "arguments", "nodes"),
    [
        ("chess", ["--depth", 4], 197281),
        ("chess", ["--depth", 3, "--position", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1"], 2812),
        ("chess", ["--depth", 2, "--position", "bqnb1rkr/pp3ppp/3ppn2/2p5/5P2/P2P4/NPP1P1PP/BQ1BNRKR w HFhf - 2 9",
                   "--chess960"], 528),
        ("checkers", ["--depth", 6], 36768),
        ("checkers", ["--depth", 1, "--position", "B:W6,14,22,32:B2"], 1),
        ("connect-four", ["--depth", 5, "--position", "4"], 16807),
        ("tic-tac-toe", ["--depth", 9], 127872),
        ("tic-tac-toe", ["--depth", 0], 1),
    ],
)  # fmt: skip
def test_perft_counts_as_published(selfplay: Any, name: str, arguments: list[Any], nodes: int) -> None:
    found = json.loads(selfplay("games", "perft", name, *arguments, "--json").out)
    assert found["nodes"] == nodes and found["seconds"] >= 0 and found["nodes_per_s"] >= 0 and "divide" not in found
    divided = json.loads(selfplay("games", "perft", name, *arguments, "--json", "--divide").out)
    assert divided["nodes"] == nodes and (sum(divided["divide"].values()) == nodes or arguments[1] == 0)
    told = selfplay("games", "perft", name, *arguments)
    assert told.code == 0 and f"{nodes:,} sequences of {arguments[1]} moves" in told.out


def test_perft_divides_by_whole_moves_in_the_notation_asked_for(selfplay: Any) -> None:
    def divide(*arguments: Any) -> dict[str, int]:
        found: dict[str, int] = json.loads(selfplay("games", "perft", *arguments, "--json", "--divide").out)["divide"]
        return found

    assert divide("checkers", "--depth", 2, "--position", "B:W6,14,22,32:B2") == {"2x9x18x25": 1 + 1}
    castling = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
    assert {"e1g1", "e1c1"} <= divide("chess", "--depth", 1, "--position", castling).keys()
    assert {"e1h1", "e1a1"} <= divide("chess", "--depth", 1, "--position", castling, "--chess960").keys()


def test_perft_of_nonsense_is_refused(selfplay: Any) -> None:
    refused(selfplay("games", "perft", "chess", "--depth", -1), "from 0 to 64")
    refused(selfplay("games", "perft", "chess", "--depth", 999), "from 0 to 64")
    refused(selfplay("games", "perft", "chess", "--depth", "two"), "a whole number from 0 to 64")
    refused(selfplay("games", "perft", "chess"), "missing: --depth")
    refused(selfplay("games", "perft", "chess", "--depth", 2, "--position", "k7/8"), "is no FEN")
    refused(selfplay("games", "perft", "checkers", "--depth", 2, "--position", "B:W:B"), "no pieces")
    refused(selfplay("games", "perft", "connect-four", "--depth", 2, "--position", "48"), "Legal moves")
    refused(selfplay("games", "perft", "checkers", "--depth", 2, "--chess960"), "no option 'chess960'")
    refused(selfplay("games", "perft", "ches", "--depth", 2), "Did you mean 'chess'")


def test_games_are_listed_and_checked(selfplay: Any) -> None:
    listed = selfplay("games", "list")
    assert listed.code == 0 and all(name in listed.out for name in games.available())
    checked = selfplay("games", "check", "tic-tac-toe")
    assert checked.code == 0 and "0 failed" in checked.out and "FAILED" not in checked.out


def test_a_root_without_runs_says_how_to_make_one(selfplay: Any, tmp_path: Path) -> None:
    said = selfplay("runs", "list", "--root", tmp_path)
    assert said.code == 0 and "No runs below" in said.out and "selfplay train" in said.out
    refused(selfplay("runs", "list", "--root", tmp_path / "nowhere"), "is no folder: --root names")


def test_a_damaged_run_does_not_hide_the_others(selfplay: Any, tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", '{"preset": "tic-tac-toe"}'), ("c", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
    (tmp_path / "b" / "metrics.jsonl").write_bytes(b'{"step": 4, "seconds": 60, "strength/accuracy": 0.0}\n5\n\xff{"st')
    said = selfplay("runs", "list", "--root", tmp_path)
    assert said.code == 0 and len(said.out.splitlines()) == 4
    assert "0.00%" in said.out and said.out.count("cannot be read") == 2
    refused(selfplay("runs", "show", tmp_path / "a"), "cannot be read")


def test_output_cut_short_by_its_reader_is_no_error() -> None:
    command = f"{sys.executable} -m selfplay train tic-tac-toe --settings | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True)
    assert done.stdout.startswith(b"game = ") and done.stderr == b""
