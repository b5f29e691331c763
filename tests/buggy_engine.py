"""An engine for tests that goes wrong on purpose. Plays tic-tac-toe in UCI, or checkers in Hub, at random.

python buggy_engine.py MODE [FILE]      good, or what is to go wrong; FILE remembers that it did, or notes what is heard
"""

from __future__ import annotations

import itertools
import os
import random
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that the checkout's games are used

SQUARES = [column + row for row in "321" for column in "abc"]
mode, file = sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else None
rng = random.Random(5)
answered: list[str] = []


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def once() -> bool:
    """Whether to go wrong now: always, or only the first time where there is a file to remember it."""
    if file is None:
        return True
    if file.exists():
        return False
    file.touch()
    return True


def misbehave() -> None:
    """Before an answer."""
    if mode == "crash" and once():
        raise RuntimeError("out of ideas")
    if mode == "killed" and once():
        signal.raise_signal(signal.SIGKILL)
    if mode == "hang" and once():
        time.sleep(600)
    if mode == "flood":  # a line without end
        while True:
            sys.stdout.write("x" * 100_000)
    if mode == "huge":
        for _ in range(3):
            say("info string " + "y" * 10_000_000)
        say("bestmove " + "z" * 10_000_000)
        time.sleep(600)
    if mode == "closed":
        os.close(1)
        time.sleep(600)
    if mode == "babble":
        while True:
            say("info string still thinking")
    if mode == "noise":
        sys.stdout.buffer.write(bytes(range(256)) * 400 + b"\n\n" + b"x" * 3_000_000 + b"\ninfo score cp\ninfo score\n")
        sys.stdout.buffer.write(b"bestmov e2e4\ninfo depth 1 score cp 1 wdl 1\ninfo multipv x score cp 3\n done\n")
        sys.stdout.flush()


def uci() -> None:
    if mode == "slow":
        time.sleep(0.7)
    if mode == "chatter":
        while True:
            say("info string hello")
    if mode == "stillborn":
        sys.exit("no licence")
    if mode == "mute":
        time.sleep(600)
    say("id name Buggy 1")
    say("option name Level type spin default 3 min 0 max 9")
    say("option name Style of Play type combo default Solid var Solid var Very Wild")
    say("option name Wild type check default false")
    say("option name UCI_LimitStrength type check default false")
    say("option name UCI_Elo type spin default 1000 min 800 max 1200")
    say("option name Book File type string default <empty>")
    if mode != "chess only":
        say("option name UCI_Variant type combo default chess var chess var tictactoe")
    say("uciok")


def play(start: str, moves: list[str]) -> None:
    misbehave()
    board = "".join("." * int(mark) if mark.isdigit() else mark for mark in start.replace("/", "")[:9] or "333")
    free = [square for square, mark in zip(SQUARES, board, strict=True) if mark == "." and f"P@{square}" not in moves]
    move = f"P@{rng.choice(free)}"
    answered.append(move)
    if (mode == "illegal" and len(moves) > 2) or (mode == "liar" and len(answered) > 900 and moves):
        move = moves[0]
    say("info depth 1 score cp 30 pv " + move)
    say("bestmove" if mode == "empty" else "bestmove (none)" if mode == "none" else f"bestmove {move} ponder P@a1")
    if mode == "twice":
        say("bestmove P@a1")
    while mode == "talkative":
        say("info string and another thing")


def hub(lines: Iterator[str]) -> None:
    words: dict[str, str] = {}
    for line in lines:
        if line == "quit":
            return
        if line.startswith("pos "):
            words = dict(word.split("=", 1) for word in shlex.split(line)[1:])
        hear_hub(line, words)


def hear_hub(line: str, words: dict[str, str]) -> None:
    """Answers one line of Hub. words: of the last "pos"."""
    if line == "hub":
        say('id name=Buggy version=1 author="a b"')
        variants = "normal bt" if mode == "ten by ten" else "normal english"
        say(f'param name=variant value=normal type=enum values="{variants}"')
        say("param name=threads value=1 type=int min=1 max=16")
        say("param name=margin value=0.5 type=real min=0 max=1")
        say("wait")
    elif line == "init":
        say("ready")
    elif line == "ping":
        say("pong")
    elif line.startswith("go"):
        misbehave()
        say('info depth=1 score=-0.25 nodes=7 pv="1-5 6-9"')
        say("done move=" + ("1-32" if mode == "illegal" else hub_move(words)))


def hub_move(words: dict[str, str]) -> str:
    import games
    from games.checkers import moves
    from games.protocols import Protocols

    game = games.make("checkers")
    text = games.facet(game, Protocols).hub()
    assert text is not None
    state = text.from_position(words["pos"])[0]
    for move in words.get("moves", "").split():
        for action in text.actions(state, move):
            state = game.play(state, action).states[0]
    legal = moves.legal(game, state)
    return text.move(state, max(legal, key=lambda move: (len(move.actions), rng.random())).actions)


def main() -> None:
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start, moves = "", list[str]()
    lines = map(str.strip, sys.stdin)
    for line in lines:
        if mode == "note" and file is not None:
            with file.open("a") as notes:
                notes.write(line + "\n")
        if line == "hub":
            return hub(itertools.chain([line], lines))
        if line == "uci":
            uci()
        elif line == "isready":
            say("readyok")
        elif line.startswith("position"):
            position, _, played = line.partition(" moves ")
            start, moves = position.partition("fen ")[2].partition("[")[0], played.split()
        elif line.startswith("go"):
            play(start, moves)
        elif line == "quit" and mode != "deaf":
            return None
    while mode == "deaf":
        time.sleep(1)
    return None


main()
