"""The commands `elo` and `match`: tables and files, resuming, the sequential test, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny
from command import refused

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of four generations of tic-tac-toe."""
    for generation in range(4):
        tiny.weights_folder(tmp_path / "run", "tic-tac-toe", generation)
    return tmp_path / "run"


QUICK = ("--games", 4, "--simulations", 2, "--actors", 0)


def test_generations_are_rated_and_everything_is_written(selfplay: Any, run: Path) -> None:
    said = selfplay("elo", run, "random", "solver", "--generations", 3, *QUICK)
    assert said.code == 0, said.err
    for word in ("run/0", "run/2", "run/3", "solver", "points a game", "40 games", "2 simulations", "2 openings"):
        assert word in said.out, said.out
    assert "run/1" not in said.out
    out = run / "elo"
    read = json.loads((out / "ratings.json").read_text())
    assert {player["name"] for player in read["players"]} == {"run/0", "run/2", "run/3", "random", "solver"}
    assert len(list(csv.reader((out / "ratings.csv").read_text().splitlines()))) == 6
    assert (out / "elo.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((out / "games").iterdir())) == 10 and "| 1 |" in (out / "ratings.md").read_text()


def test_a_second_run_plays_nothing_and_a_grown_run_what_is_new(selfplay: Any, run: Path) -> None:
    ladder = selfplay("elo", run, "random", "--generations", "all", "--schedule", "ladder", *QUICK)
    assert "36 games played now" in ladder.out, "4 generations, 5 neighbours within two rungs, random meets all"
    first = selfplay("elo", run, "random", "--generations", "all", *QUICK)
    assert "4 games played now" in first.out, "0 against 3"
    again = selfplay("elo", run, "random", "--generations", "all", *QUICK)
    assert "none played now" in again.out and "40 games from before" in again.out
    assert first.out.partition("plies a game")[0] == again.out.partition("plies a game")[0], "the same table"
    tiny.weights_folder(run, "tic-tac-toe", 4)
    assert "20 games played now" in selfplay("elo", run, "random", "--generations", "all", *QUICK).out
    more = selfplay("elo", run, "random", "--generations", "all", "--games", 6, "--simulations", 2, "--actors", 0)
    assert "30 games played now" in more.out and "60 games from before" in more.out


def test_a_tournament_of_games_is_told_as_it_always_was(selfplay: Any, tmp_path: Path) -> None:
    """The golden file holds what was written before players of two roles could be rated."""
    words = ("random", "greedy", "solver", "--game", "tic-tac-toe", "--games", 10, "--actors", 0)
    assert selfplay("elo", *words, "--out", tmp_path).code == 0
    golden = json.loads((ROOT / "tests" / "golden" / "tournament.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "games.jsonl").read_text().splitlines()]
    added = ("begin", "records", "sha256")  # by later versions: where records begin, and digests
    assert [{key: line[key] for key in line if key not in added} for line in lines] == golden["games"]
    assert [key for key in lines[0] if key in golden["keys"]] == golden["keys"]
    assert all(len(line["sha256"]) == 16 for line in lines), "each line and its records have digests since"
    ratings = json.loads((tmp_path / "ratings.json").read_text())
    assert list(ratings) == list(golden["ratings"]) and ratings["terms"] == golden["ratings"]["terms"]
    assert ratings["crosstable"] == golden["ratings"]["crosstable"] and ratings["notes"] == golden["ratings"]["notes"]
    for found, expected in zip(ratings["players"], golden["ratings"]["players"], strict=True):
        assert list(found) == list(expected) and found.pop("name") == expected.pop("name")
        assert [key for key in found if found[key] is None] == [key for key in expected if expected[key] is None]
        assert [found[key] or 0 for key in found] == pytest.approx([expected[key] or 0 for key in found], rel=1e-6)


def test_the_bundled_agent_is_recorded_with_the_simulations_it_plays_with(selfplay: Any, tmp_path: Path) -> None:
    numbers = ("--simulations", "0,8", "--games", 2, "--actors", 0, "--out", tmp_path / "elo")
    said = selfplay("elo", "bundled", "random", "--game", "tic-tac-toe", *numbers)
    assert said.code == 0, said.err
    assert "simulations/s" not in said.out, "it plays its policy alone"
    assert ", 0 simulations a move of trained players" in said.out
    assert "@0" in (tmp_path / "elo" / "games.jsonl").read_text()


def test_what_simulations_are_worth_is_told(selfplay: Any, run: Path) -> None:
    said = selfplay("elo", run, "--generations", 1, "--simulations", "0,2,8", "--games", 10, "--actors", 0)
    assert said.code == 0, said.err
    assert "run/3, 2 simulations over the policy alone: " in said.out and "a doubling" in said.out


def test_json_is_the_file_and_nothing_else(selfplay: Any, run: Path, tmp_path: Path) -> None:
    said = selfplay("elo", run, "random", "--json", "--out", tmp_path / "out", *QUICK, "--anchor", "random=100")
    read = json.loads(said.out)
    assert read == json.loads((tmp_path / "out" / "ratings.json").read_text())
    assert next(player for player in read["players"] if player["name"] == "random")["elo"] == 100


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        (["elo", "random", "--game", "chess"], ["the number of players"]),
        (["elo", "random"], ["name the game with --game"]),
        (["elo", "random", "greedy"], ["--game"]),
        (["elo", "random", "random", "--game", "chess"], ["takes part twice"]),
        (["elo", "random", "greedi", "--game", "chess"], ["Did you mean 'greedy'"]),
        (["elo", "random", "greedy", "--game", "chess", "--games", "3"], ["must be even"]),
        (["elo", "random", "greedy", "--game", "chess", "--simulations", "1,x"], ["--simulations", "'1,x'"]),
        (["elo", "random", "greedy", "--game", "chess", "--schedule", "knockout"], ["no 'knockout'", "ladder"]),
        (["elo", "nowhere/", "greedy"], ["does not exist"]),
        (["elo", "random", "greedy", "--game", "chess", "--address", "auto", "--actors", "0"], ["--actors 0"]),
        (["elo", "random", "greedy", "--game", "chess", "--balance", "2"], ["--balance", "from 0 to 1"]),
        (["elo", "random", "greedy", "--game", "chess", "--book", "nowhere.pgn"], ["cannot read the book"]),
        (["elo", "random", "solver", "--game", "tic-tac-toe", "--random-plies", "9"], ["ask for fewer"]),
        (["match", "random", "greedy"], ["--game"]),
        (["match", "random", "random", "--game", "ches"], ["Did you mean 'chess'"]),
        (["match", "random", "greedy", "--game", "chess", "--games", "0"], ["from 2 to 100,000"]),
        (["match", "random", "greedy", "--game", "chess", "--games", "7"], ["must be even"]),
        (["match", "random", "greedy", "--game", "chess", "--sprt", "10"], ["expected two numbers"]),
        (["match", "random", "greedy", "--game", "chess", "--sprt", "10,0"], ["elo0 is below elo1"]),
        (
            ["match", "random", "greedy", "--game", "chess", "--sprt", "0,10", "--alpha", "0.7"],
            ["--alpha", "above 0 and below 0.5"],
        ),
    ],
)
def test_what_cannot_be_played_is_refused(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], hints: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(selfplay(*words), *hints)
    assert not (tmp_path / "elo" / "games.jsonl").exists()


def test_an_unknown_anchor_or_generation_is_refused(selfplay: Any, run: Path) -> None:
    refused(
        selfplay("elo", run, "--generations", "some", *QUICK),
        "--generations: expected a whole number from 1 to 1,000,000, or 'all'",
    )
    refused(selfplay("elo", run, "random", "--anchor", "randm", *QUICK), "--anchor is 'randm'", "run/0")
    refused(selfplay("elo", f"{run}?simulation=3", "random", *QUICK), "Did you mean 'simulations'")
    four = tiny.weights_folder(run.parent / "four")
    refused(selfplay("elo", run, four, *QUICK), "different games")


# Matches


def test_a_match_is_told_in_sentences_or_as_json(selfplay: Any, tmp_path: Path) -> None:
    run = tiny.weights_folder(tmp_path)
    said = selfplay("match", run, "random", "--games", 4, "--simulations", 2)
    assert said.code == 0 and "4 games, 2 openings" in said.out and "95 %" in said.out and "2 simulations" in said.out
    found = json.loads(selfplay("match", "solver", "random", "--game", "tic-tac-toe", "--games", 20, "--json").out)
    assert found["wins"] + found["draws"] + found["losses"] == found["games"] == 20 == 2 * sum(found["pentanomial"])
    assert found["score"] == (found["wins"] + found["draws"] / 2) / 20 > 0.6
    assert found["interval"][0] < found["score"] < found["interval"][1] or found["score"] == 1
    first, second = (selfplay("match", "random", "greedy", "--game", "chess", "--games", 2, "--json") for _ in "12")
    assert json.loads(first.out)["plies"] == json.loads(second.out)["plies"]


def test_players_of_different_games_are_refused(selfplay: Any, tmp_path: Path) -> None:
    four, chess = tiny.weights_folder(tmp_path / "a"), tiny.weights_folder(tmp_path / "b", "chess")
    refused(selfplay("match", four, chess), "different games", "chess, connect-four")
    refused(selfplay("match", four, "random", "--game", "chess"), "different games")
    refused(selfplay("match", four, "randon"), "Did you mean 'random'")
    refused(selfplay("match", tmp_path / "nowhere", "random"), "does not exist")


def test_a_sequential_test_stops_when_it_knows(selfplay: Any) -> None:
    sprt = ("--game", "tic-tac-toe", "--sprt", "0,100", "--balance", 1, "--actors", 0, "--json")
    better, worse = (
        json.loads(selfplay("match", *two, *sprt).out) for two in (("solver", "random"), ("random", "solver"))
    )
    assert better["sprt"]["accepted"] == "H1" and worse["sprt"]["accepted"] == "H0"
    assert better["games"] < 1000 and better["sprt"]["llr"] >= better["sprt"]["upper"]
    even = json.loads(selfplay("match", "random", "random", *sprt, "--games", 10).out)
    assert even["sprt"]["accepted"] is None and even["games"] == 10


def test_a_match_that_is_kept_goes_on(selfplay: Any, tmp_path: Path) -> None:
    words = ("match", "random", "greedy", "--game", "tic-tac-toe", "--out", tmp_path / "kept", "--actors", 0, "--json")
    first = json.loads(selfplay(*words, "--games", 10).out)
    longer = json.loads(selfplay(*words, "--games", 20).out)
    assert (first["games"], longer["games"]) == (10, 20)
    whole = json.loads(selfplay(*words[:-4], tmp_path / "whole", *words[-3:], "--games", 20).out)
    keys = ("wins", "draws", "losses", "pentanomial", "plies")
    assert [longer[key] for key in keys] == [whole[key] for key in keys]
    refused(selfplay(*words, "--games", 10, "--seed", 5), "other terms")


@pytest.mark.chaos
def test_a_tournament_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "selfplay", "elo", "random", "greedy", "uct:30", "--game", "checkers", "--games",
             "40", "--actors", "0", "--out", str(out), "--plain"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for deadly in (signal.SIGKILL, signal.SIGINT):
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines, before = out / "games.jsonl", (out / "games.jsonl").stat().st_size if out.exists() else 0
        end = time.monotonic() + 90
        while time.monotonic() < end and not (lines.exists() and lines.stat().st_size > before + 1000):
            time.sleep(0.05)
        process.send_signal(deadly)
        _, err = process.communicate(timeout=60)
        assert deadly == signal.SIGKILL or (process.returncode == 130 and b"are kept in" in err)
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert "120 games in pairs" in done.stdout and " 0 games from before" not in done.stdout
    records = "".join(path.read_text() for path in (out / "games").iterdir())
    assert records.count("[Event ") == 120, "every game once"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_on_ray_the_games_are_those_of_one_process(selfplay: Any, tmp_path: Path) -> None:
    words = ("elo", "random", "greedy", "solver", "--game", "tic-tac-toe", "--games", 20)
    one = selfplay(*words, "--actors", 0, "--out", tmp_path / "one")
    two = selfplay(*words, "--actors", 2, "--out", tmp_path / "two")
    assert one.code == two.code == 0, two.err

    def results(name: str) -> list[str]:
        entries = map(json.loads, (tmp_path / name / "games.jsonl").read_text().splitlines())
        return sorted(str([entry[key] for key in ("players", "opening", "points", "digests")]) for entry in entries)

    assert results("one") == results("two") and len(results("one")) == 30
