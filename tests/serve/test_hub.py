"""`selfplay hub`: the handshake, whole moves of checkers, limits, and mistakes."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny
from facets import protocols_of
from program import Program

import games
from games import protocols
from selfplay.players import network_player
from selfplay.serve import engine_session, hub, notations, options
from selfplay.serve.search_request import SearchRequest

ROOT = Path(__file__).resolve().parents[2]
START = "Bbbbbbbbbbbbbeeeeeeeewwwwwwwwwwww"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.weights_folder(tmp_path_factory.mktemp("checkers"), "checkers")


@pytest.fixture(scope="module")
def engine(run: Path) -> Iterator[Program]:
    with Program("hub", run) as program:
        program.ask("hub", "init", until="ready")
        yield program
        assert program.close() == 0
        assert program.errors() == ""


def text() -> protocols.HubText:
    found = protocols_of(games.make("checkers")).hub()
    assert found is not None
    return found


def states_after(moves: str) -> np.ndarray:
    states = games.make("checkers").initial_states(1)
    for move in moves.split():
        for action in text().actions(states[0], move):
            states = games.make("checkers").step(states, np.array([action])).states
    return states


def move_of(said: list[str]) -> str:
    found = re.fullmatch(r"done move=(\S+)(?: ponder=(\S+))?", said[-1])
    assert found, said[-1]
    return found[1]


def test_nothing_heavy_is_loaded_before_the_answer_to_hub(run: Path) -> None:
    code = f"""
import sys
from selfplay.cli import main
from selfplay.serve import pipe
real = pipe.Server.say
def say(self, *lines):
    real(self, *lines)
    if "wait" in lines:
        heavy = {{"torch", "numpy", "numba", "scipy", "ray", "rich"}} & set(sys.modules)
        sys.stderr.write(f"heavy: {{sorted(heavy)}}\\n")
pipe.Server.say = say
pipe.PATIENCE = 60
main.main(["hub", {str(run)!r}])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input="hub\nquit\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "heavy: []" in done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("id name=selfplay version=") and lines[-1] == "wait"
    assert 'param name=variant value=english type=enum values="english"' in lines
    assert "param name=hash value=256 type=int min=1 max=65536" in lines
    assert "param name=solve value=true type=bool" in lines
    assert "param name=fpu-reduction value=0.2 type=real min=0 max=2" in lines


def test_a_checkpoint_of_another_game_is_refused(tmp_path: Path) -> None:
    tiny.weights_folder(tmp_path, "chess")
    for command, word in (("hub", "uci"), ("uci", "")):
        if command == "uci":
            tiny.weights_folder(tmp_path, "checkers")
            word = "hub"
        done = subprocess.run(
            [sys.executable, "-m", "selfplay", command, str(tmp_path)], cwd=ROOT, input="", capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2 and word in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("level", "least"),
    [("nodes=60", 60), ("move-time=0.1", 1), ("depth=2", 1), ("time=0.5 inc=0.05", 1), ("moves=3 time=0.5", 1)],
)
def test_every_kind_of_level_ends_with_a_legal_move(engine: Program, level: str, least: int) -> None:
    engine.send("new-game", f'pos pos={START} moves="11-16 22-18"', f"level {level}", "go think")
    said = engine.until("done")
    text().actions(states_after("11-16 22-18")[0], move_of(said))  # raises, were it not legal
    pattern = (
        r"info depth=\d+ mean-depth=[\d.]+ score=-?[\d.]+ nodes=(\d+) time=[\d.]+ nps=[\d.]+ "
        r'pv="[\dx-]+( [\dx-]+)*"'
    )
    found = [re.fullmatch(pattern, line) for line in said if line.startswith("info")]
    assert found and all(found) and found[-1] and int(found[-1][1]) >= least
    assert said[-2].partition('pv="')[2].split(" ")[0].strip('"') == move_of(said)


def test_a_jump_over_several_pieces_is_one_move(engine: Program) -> None:
    # Black's man on 6 jumps over 10 and 19 (landing on 15, then 24); nothing else is legal.
    squares = ["e"] * 33
    squares[6], squares[10], squares[19], squares[32] = "b", "w", "w", "w"
    position = "B" + "".join(squares[1:])
    for limit in ("nodes=1", "nodes=50"):
        engine.send("new-game", f"pos pos={position}", f"level {limit}", "go think")
        assert move_of(engine.until("done")) == "6x24x10x19"


def test_the_rest_of_a_jump_is_found_where_the_search_ends_within_it(run: Path) -> None:
    player = network_player.load(run)
    engine = engine_session.EngineSession(player, notations.HubNotation(text()), np.random.default_rng(1))
    squares = ["e"] * 33
    squares[6], squares[10], squares[19], squares[32] = "b", "w", "w", "w"
    engine.set_position("B" + "".join(squares[1:]), [])
    analyzer = engine._analyzer_for(SearchRequest())
    analyzer.set_position(engine._position.start, [])
    info = analyzer.analyze(engine_session.Limit(simulations=0))
    line = info.lines[0]
    cut = info._replace(lines=[line._replace(actions=line.actions[:1])])
    assert engine._answer(analyzer, cut, line.actions[0]) == ("6x24x10x19", None)


def test_a_win_is_told_as_its_distance_from_a_hundred_men(engine: Program) -> None:
    # White, on 18, has no move left once Black has jumped it.
    squares = ["e"] * 33
    squares[14], squares[18] = "b", "w"
    engine.send(f"pos pos=B{''.join(squares[1:])}", "level nodes=20", "go think")
    said = engine.until("done")
    assert move_of(said) == "14x23x18" and "score=99.99 " in said[-2]


def test_thinking_on_the_opponents_time(engine: Program) -> None:
    engine.send(f'pos pos={START} moves="11-15 22-18"', "level time=1", "go ponder")
    time.sleep(0.3)
    assert engine.ask("ping", until="pong")[-1] == "pong"
    said = engine.ask("ponder-hit", until="done")
    assert move_of(said)


def test_analysis_lasts_until_stopped(engine: Program) -> None:
    engine.send(f"pos pos={START}", "level infinite", "go analyze")
    time.sleep(0.7)
    said = engine.ask("ping", until="pong")
    assert any(line.startswith("info") for line in said) and not any(line.startswith("done") for line in said)
    assert move_of(engine.ask("stop", until="done"))


def test_a_draw_by_repetition_is_played_on(run: Path) -> None:
    player = network_player.load(run)
    engine = engine_session.EngineSession(player, notations.HubNotation(text()), np.random.default_rng(1))
    squares = ["e"] * 33
    squares[1], squares[32] = "B", "W"
    engine.set_position("B" + "".join(squares[1:]), ["1-6", "32-27", "6-1", "27-32"] * 5)
    assert not engine.over and engine.play(SearchRequest(simulations=10)).move is not None


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("set-param name=c-puct value=-1", "c-puct is a number"),
        ("set-param name=variant value=frisian", "english"),
        ("set-param name=x", "no parameter"),
    ],
)
def test_a_mistake_is_told_and_the_position_is_kept(engine: Program, line: str, hint: str) -> None:
    engine.send(f'pos pos={START} moves="11-15"')
    said = engine.ask(line, "level nodes=5", "go think", until="done")
    assert said[0].startswith('error message="') and said[0].endswith('"') and hint in said[0]
    text().actions(states_after("11-15")[0], move_of(said))


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("pos pos=Bw", "is not a position"),
        (f'pos pos={START} moves="1-2"', "move 1: '1-2' is not a legal move"),
        (f'pos\tpos={START}\tmoves="9-13 9-13"', "move 2: '9-13'"),
    ],
    ids=["no position", "first move", "second move, tabs"],
)
def test_after_a_refused_position_no_move_of_another_is_answered(engine: Program, line: str, hint: str) -> None:
    engine.send(f'pos pos={START} moves="11-15"')
    said = engine.ask(line, "level nodes=5", "go think", until="done")
    assert hint in said[0] and "was refused" in said[1] and said[-1] == 'done move=""'
    engine.send(f'pos\tpos={START}  moves="11-15"')
    said = engine.ask("go\tthink", until="done")
    text().actions(states_after("11-15")[0], move_of(said))


def test_what_is_not_known_is_left_alone(engine: Program) -> None:
    assert engine.ask("quatsch a=b", "level", "pos", '= "', "ping x=y", until="pong") == ["pong"]


def test_noise_never_ends_it(engine: Program) -> None:
    rng = random.Random(1)
    lines = [
        f'pos pos={START} moves="11-15 22-18"', "level nodes=5", "level time=0.1 inc=0.01", "go think", "go ponder",
        "stop", "ponder-hit", "set-param name=level value=3", "new-game", "hub", "init", "level infinite", "go analyze",
    ]  # fmt: skip
    for count in range(1, 301):
        data = bytearray(rng.choice(lines).encode())
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        engine.send(bytes(data).replace(b"\n", b""))
        if count % 50 == 0:
            engine.ask("stop", "ping", until="pong")


def test_parameters_have_names_of_their_own() -> None:
    names = [hub._name(option) for option in (*options.ENGINE, *options.of_search())]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[a-z-]+", name) for name in names)
