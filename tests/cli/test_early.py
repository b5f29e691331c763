"""Refusals before anything heavy is loaded, and the examples of every help text."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfplay.cli import main

ROOT = Path(__file__).resolve().parents[2]
SLIPS = {
    "match uct:10 rndom --game chess": "Did you mean 'random'",
    "match random uct:0 --game chess": "'uct:0' is not a player: expected a whole number from 1 to 10,000,000",
    "match random uct:ten --game chess": "'uct:ten' is not a player",
    "match alphabeta:101 random --game chess": "from 1 to 100 after the colon",
    "match alphabeta:nodes=0 random --game chess": "from 1 to",
    "match random greedy": "name the game with --game",
    "match uct: random --game chess": "'uct:' is not a player",
    "match random:3 greedy --game chess": "random takes none",
    "match bundled random": "name the game with --game",
    "match bundled?simulations=-1 random --game chess": "whole number from 0",
    "match bundled?simulatons=5 random --game chess": "Did you mean 'simulations'",
    "match uci:no-such-engine random --game chess": "there is no engine 'no-such-engine'",
    "match random bundle --game chess": "Did you mean 'bundled'",
    "match random greedy --game ches": "Did you mean 'chess'",
    "match nowhere/run random": "'nowhere/run' does not exist",
    "elo random uctt:50 --game checkers": "Did you mean 'uct'",
    "elo random uct:1e3 --game checkers": "'uct:1e3' is not a player",
    "elo nowhere/run random": "does not exist",
    "analyze nowhere": "'nowhere' does not exist",
    "analyze .": "holds no checkpoint",
    "analyze chekers": "Did you mean 'checkers'",
    "sample nowhere": "'nowhere' does not exist",
    "sample . --label 3": "holds no checkpoint",
    "play chekers": "Did you mean 'checkers'",
    "play chess --against uct:0": "'uct:0' is not a player",
    "play chess --against alphbeta:3": "Did you mean 'alphabeta'",
    "games check nope": "no game is called 'nope'",
    "runs show nowhere": "holds no run",
    "train tic-tac-to": "Did you mean 'tic-tac-toe'",
    "train tic-tac-toe --set serch.c_puct=1": "Did you mean 'search.c_puct'",
    "train --config nowhere.toml": "nowhere.toml",
}


def test_names_that_nobody_knows_are_refused_without_torch_ray_or_numba(tmp_path: Path) -> None:
    code = f"""
import contextlib, io, sys
from selfplay.cli import main
for words, hint in {SLIPS!r}.items():
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert main.main(words.split()) == 2, words
    assert hint in said.getvalue() and len(said.getvalue().splitlines()) == 1, (words, said.getvalue())
    heavy = {{"torch", "ray", "numba"}} & set(sys.modules)
    assert not heavy, (words, heavy)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, timeout=60, check=True)
    assert list(tmp_path.iterdir()) == []


def parsers() -> Iterator[argparse.ArgumentParser]:
    waiting: list[argparse.ArgumentParser] = [main.parser()]
    while waiting:
        parser = waiting.pop()
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()


def examples() -> list[list[str]]:
    """The words of every command in a help text, each once: of a pipe, and of commands joined by &&, each of ours."""
    found: list[list[str]] = []
    for parser in parsers():
        for line in (parser.epilog or "").splitlines():
            words = shlex.split(line, comments=False) if line.startswith("  ") else []
            for index, word in enumerate(words):
                if word == "selfplay" and (index == 0 or words[index - 1] in ("&&", "|")):
                    rest = words[index + 1 :]
                    ends = [at for at, one in enumerate(rest) if one in ("&&", "|", ">") or one.startswith("(")]
                    command = rest[: min(ends, default=len(rest))]
                    if command not in found and "COMMAND" not in command:
                        found.append(command)
    return found


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_an_example_of_the_help_is_accepted(words: list[str]) -> None:
    assert callable(main.parser().parse_args(words).execute)


def test_there_are_examples_of_every_command() -> None:
    assert {words[0] for words in examples()} == set(main.COMMANDS)


SHORT = ("games list", "games perft connect-four", "runs list")  # and those that print settings; the others need a run
CHEAP = [
    words
    for words in examples()
    if (" ".join(words).startswith(SHORT) or "--settings" in words) and "--root" not in words  # of a folder of runs
]


@pytest.mark.slow
@pytest.mark.parametrize("words", CHEAP, ids=" ".join)
def test_an_example_that_needs_no_run_works(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(words) == 0
    assert capsys.readouterr().out
