"""Every option of every command, given what it cannot mean: found by walking the parser, so that new ones are tried
too. First the parsing alone, then commands as far as they refuse, with other arguments by which no work ever starts."""

from __future__ import annotations

import argparse
import io
import itertools
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import walk

from selfplay.cli import main
from selfplay.cli.console import numbers

LONG = "x" * 5000
WRONG = ("", " ", "−1", "-1", "٣", "é\u0301", "1" + 30 * "0", "9" * 5000, "1e400", "nan", "x", "a\nb", ",", "=", LONG)
# By which a command is refused after its options were looked at, or ends at once.
ENDS = {
    "train": "--settings", "match": "--game tic-tac-toe --book nowhere", "elo": "--game tic-tac-toe --book nowhere",
    "play": "--plain", "games perft": "--depth 1", "games read": "", "drift watch": "", "runs list": "",
    "sweep": "--dry-run", "bench": "--preset nowhere",
}  # fmt: skip
NEEDED = walk.NEEDED | dict.fromkeys(("checkpoint", "run_folder", "folders"), "nowhere") | {"file": "nowhere"}
UNTRIED = {"doctor"}  # its options are switches
COMMANDS = {command: parser for command, parser in walk.commands() if command and not walk.is_group(parser)}


def positional(parser: argparse.ArgumentParser, instead: dict[str, str] | None = None) -> list[str]:
    found = [action for action in parser._actions if not action.option_strings]
    words = [(instead or {}).get(action.dest, NEEDED[action.dest]) for action in found]
    return words + ["greedy"] * any(action.dest == "players" for action in found)


def required(parser: argparse.ArgumentParser, but: argparse.Action | None = None) -> list[str]:
    needed = [action for action in parser._actions if action.option_strings and action.required and action is not but]
    return [word for action in needed for word in (action.option_strings[-1], "1")]


def valued(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Options that take a value."""
    return [action for action in parser._actions if action.option_strings and action.nargs != 0]


def wrong_values(command: str, parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.Action | None, list[str]]]:
    """(option, or None for a positional argument; the command's words)."""
    start = command.split()
    for action in valued(parser):
        for value in WRONG:
            words = [*start, *positional(parser), *required(parser, action), f"{action.option_strings[-1]}={value}"]
            yield action, words
    for action in parser._actions:
        if not action.option_strings:
            for value in WRONG:
                yield None, [*start, *required(parser), "--", *positional(parser, {action.dest: value})]


class Answer:
    """What a command ends with."""

    def __init__(self, words: list[str], capsys: pytest.CaptureFixture[str], parse: argparse.ArgumentParser | None):
        """parse: only reads the arguments, by this parser."""
        self.words, self.code = [word[:60] for word in words], 0
        try:
            if parse is not None:
                parse.parse_args(words)
            else:
                self.code = main.main(words)
        except SystemExit as left:
            assert isinstance(left.code, int)
            self.code = left.code
        except Exception as error:
            raise AssertionError(f"{self.words} ends in {error!r:.300}") from error
        self.said = capsys.readouterr().err

    def refused(self) -> None:
        lines = self.said.splitlines()
        assert self.code == 2 and 1 <= len(lines) <= 3 and lines[0].startswith("selfplay: "), vars(self)
        assert len(self.said) < 2500, vars(self)

    def refused_or_taken(self) -> None:
        if self.code:
            self.refused()


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return main.parser()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_an_option_cannot_mean_is_refused_or_left_to_its_command(
    command: str, parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    for action, words in wrong_values(command, COMMANDS[command]):
        answer = Answer(words, capsys, parser)
        if action is not None and (action.choices or getattr(action.type, "__module__", "") == numbers.__name__):
            taken = words[-1].endswith("=x") and action.choices and "x" in action.choices
            assert taken or answer.code == 2, answer.words
        answer.refused_or_taken()


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_options_missing_values_and_options_that_exclude_each_other_are_refused(
    command: str, parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    own, start = COMMANDS[command], command.split()
    given = [*start, *positional(own), *required(own)]
    for extra in ("--nosuch", "--nosuch=3", "-z", f"--{LONG}", "--no\nsuch"):
        Answer([*given, extra], capsys, parser).refused()
    for action in valued(own):
        if action.nargs is None:
            Answer([*given, action.option_strings[-1]], capsys, parser).refused()
    for action in own._actions:
        if action.option_strings and action.nargs == 0 and action.dest != "help":
            Answer([*given, f"{action.option_strings[-1]}=yes"], capsys, parser).refused()
    for group in own._mutually_exclusive_groups:
        for pair in itertools.combinations(group._group_actions, 2):
            both = [word for action in pair for word in (action.option_strings[-1], *(["1"] * (action.nargs != 0)))]
            Answer([*given, *both], capsys, parser).refused()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in UNTRIED])
def test_no_command_ends_in_a_traceback_for_a_wrong_argument(
    command: str, parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "parser", lambda: parser)
    ends = ENDS.get(command, "").split()
    for action, words in wrong_values(command, COMMANDS[command]):
        start = len(command.split())
        given = ends if action is None or action.option_strings[-1] not in ends else []
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        answer = Answer([*words[:start], *given, *words[start:]], capsys, None)
        answer.refused_or_taken()
        if command not in ("train", "play", "games perft", "games read", "runs list", "sweep"):
            assert answer.code == 2, answer.words


@pytest.mark.parametrize(
    "line",
    [
        "train", "train tic-tac-toe --config x.toml", "play chess --load x --fen x", "play chess --load x --moves e4",
        "play tic-tac-toe --as none --against human", "play tic-tac-toe --agent human",
        "match random greedy --game tic-tac-toe --address auto --actors 0", "match random greedy",
        "match random greedy --game tic-tac-toe --games 3", "elo random greedy --game tic-tac-toe --samples 10",
        "elo random greedy --game tic-tac-toe --address auto --actors 0", "games read chess - --to txt --count",
        "games read chess - --to pdn", "sample nowhere --npz x.npz --evaluate",
        "sample nowhere --arithmetic 1 --label 1",
        "sample nowhere --evaluate --out x.png", "drift watch - --reference -", "drift watch x --reference y --label a",
        "drift watch x --reference y --score a", "verify ''",
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused_before_work_starts(
    line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    Answer(shlex.split(line), capsys, None).refused()
    assert list(tmp_path.iterdir()) == []
