"""Engines of others: what they are asked, what becomes of their answers, and of everything that may go wrong."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import chess.engine
import numpy as np
import pytest
from facets import knowledge_of, notation_of, protocols_of
from hypothesis import given, settings
from hypothesis import strategies as st

import games
from games.base import Game
from selfplay.errors import ConfigError, EngineError, UserError
from selfplay.players import match, openings, reference, registry
from selfplay.players import player as players
from selfplay.players.external import centipawns, engine_process, engine_spec, engines, protocols

TIC_TAC_TOE, CONNECT_FOUR, CHECKERS = games.make("tic-tac-toe"), games.make("connect-four"), games.make("checkers")
CHESS = games.make("chess")
BUGGY = Path(__file__).resolve().parents[1] / "buggy_engine.py"
ENGINES = "/usr/games:/usr/bin:/usr/local/bin:/usr/local/games"
needs_fairy = pytest.mark.skipif(not shutil.which("fairy-stockfish", path=ENGINES), reason="no fairy-stockfish here")
needs_stockfish = pytest.mark.skipif(not shutil.which("stockfish", path=ENGINES), reason="no stockfish here")


def buggy(mode: str, options: str = "", kind: str = "uci") -> str:
    """The text of a player that is tests/buggy_engine.py."""
    isolated = "-S -E" if kind == "uci" else ""
    return f"{kind}:\"'{sys.executable}' {isolated} '{BUGGY}' {mode}\"{options}"


def begin(game: Game, number: int = 4, plies: int = 0) -> list[openings.Opening]:
    if not plies:
        return [openings.Opening(game.initial_states(1), ())] * number
    return openings.random(game, number, plies, np.random.default_rng(3))


def turn(game: Game, record: str = "") -> players.Turn:
    """One game, as far as `record`."""
    states, actions = game.initial_states(1), []
    for text in record.split() if notation_of(game).move_separator else record:
        actions.append(notation_of(game).action_from_string(states[0], text))
        states = game.step(states, np.array(actions[-1:])).states
    return players.Turn(states, [np.random.default_rng(0)], game.initial_states(1), [actions])


Make = Callable[[Game, str], engines.ExternalEnginePlayer]


@pytest.fixture
def make() -> Iterator[Make]:
    """engines.make, and the end of what it made."""
    made: list[engines.ExternalEnginePlayer] = []

    def one(game: Game, text: str) -> engines.ExternalEnginePlayer:
        made.append(engines.make(game, text))
        return made[-1]

    yield one
    for player in made:
        player.close()


def gone(pid: int) -> bool:
    """Whether there is neither a process nor a zombie of that number."""
    return not Path(f"/proc/{pid}").exists() if sys.platform == "linux" else _signalled(pid)


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def pids(player: engines.ExternalEnginePlayer) -> list[int]:
    return [client.pid for client in player.clients]


# Games


def test_an_engine_plays_legal_moves_in_games_side_by_side(make: Make) -> None:
    player = make(TIC_TAC_TOE, buggy("good"))
    played = match.play_pairs(TIC_TAC_TOE, player, reference.make(TIC_TAC_TOE, "random"), begin(TIC_TAC_TOE, 10), 1)
    assert len(played) == 20 and player.restarts == player.illegal_moves == 0
    ours = [v for one in played for v in one.values if not math.isnan(v)]
    assert len(ours) == player.asked and ours == pytest.approx([centipawns.to_value(30)] * len(ours), abs=1e-6)


def test_several_processes_think_at_once_and_give_the_same_answers_as_one(make: Make) -> None:
    several, one = make(TIC_TAC_TOE, buggy("good", "?processes=3")), make(TIC_TAC_TOE, buggy("good"))
    states = knowledge_of(TIC_TAC_TOE).eval_set().states[:1].repeat(5)
    rngs = [np.random.default_rng(k) for k in range(5)]
    asked = players.Turn(states, rngs, states, [[]] * 5)
    assert len(several.choose(asked).actions) == len(one.choose(asked).actions) == 5
    assert len(set(pids(several))) == 3 and len(set(pids(one))) == 1
    played = match.play_pairs(TIC_TAC_TOE, several, reference.make(TIC_TAC_TOE, "random"), begin(TIC_TAC_TOE), 1)
    assert len(played) == 8


def test_the_engine_is_told_the_game_and_its_options(make: Make, tmp_path: Path) -> None:
    notes = tmp_path / "heard"
    player = make(TIC_TAC_TOE, buggy(f"note {notes}", "?style of play=very wild&Wild=on&UCI_Elo=900&nodes=7&depth=2"))
    player.choose(turn(TIC_TAC_TOE, "519"))
    player.choose(turn(TIC_TAC_TOE))
    player.close()
    assert notes.read_text().splitlines() == [
        "uci",
        "setoption name UCI_Variant value tictactoe",
        "setoption name Style of Play value Very Wild",
        "setoption name Wild value true",
        "setoption name UCI_Elo value 900",
        "setoption name UCI_LimitStrength value true",
        "isready",
        "position startpos moves P@b2 P@a3 P@c1",
        "go nodes 7 depth 2",
        "position startpos",
        "go nodes 7 depth 2",
        "quit",
    ]


def test_a_new_game_is_announced_before_each_move_only_if_asked_for(make: Make, tmp_path: Path) -> None:
    notes = tmp_path / "heard"
    player = make(TIC_TAC_TOE, buggy(f"note {notes}", "?newgame=true&movetime=30"))
    player.choose(turn(TIC_TAC_TOE))
    assert notes.read_text().splitlines()[-4:] == ["ucinewgame", "isready", "position startpos", "go movetime 30"]


def test_a_game_that_begins_elsewhere_is_told_with_its_position(make: Make, tmp_path: Path) -> None:
    notes = tmp_path / "heard"
    player = make(TIC_TAC_TOE, buggy(f"note {notes}"))
    start = notation_of(TIC_TAC_TOE).state_after("51")
    after = TIC_TAC_TOE.step(start, np.array([8])).states
    player.choose(players.Turn(after, [np.random.default_rng(0)], start, [[8]]))
    assert "position fen p2/1P1/3[PPPPppp] w - - 2 2 moves P@c1" in notes.read_text().splitlines()


def test_what_was_told_goes_on_where_the_game_goes_on(make: Make) -> None:
    player, record = make(TIC_TAC_TOE, buggy("good")), "513746289"
    for length in (0, 2, 4, 5, 3, 6):  # forwards, and back
        asked = turn(TIC_TAC_TOE, record[:length])
        told = player.tell((asked.starts[0].tobytes(), tuple(asked.actions[0])), asked.starts[0])
        text = protocols_of(TIC_TAC_TOE).uci()
        assert text is not None
        states = [notation_of(TIC_TAC_TOE).state_after(record[:n])[0] for n in range(length)]
        expected = [text.move(state, int(cell) - 1) for state, cell in zip(states, record, strict=False)]
        assert told.moves == expected and told.now.tobytes() == asked.states.tobytes()


# Failures


def test_an_engine_that_crashes_once_is_started_anew_and_the_game_goes_on(make: Make, tmp_path: Path) -> None:
    player = make(TIC_TAC_TOE, buggy(f"crash {tmp_path}/crashed"))
    before = pids(player)
    played = match.play_pairs(TIC_TAC_TOE, player, reference.make(TIC_TAC_TOE, "random"), begin(TIC_TAC_TOE), 1)
    assert len(played) == 8 and player.restarts == 1
    assert pids(player) != before and all(map(gone, before))


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("crash", "ended, exit code 1. Its last words: 'RuntimeError: out of ideas'."),
        ("killed", "crashed, SIGKILL."),
        ("hang", "did not answer within 0.3 s."),
        ("babble", "did not answer within 0.3 s."),
    ],
)
def test_an_engine_that_dies_twice_in_a_game_is_given_up(make: Make, mode: str, why: str) -> None:
    player = make(TIC_TAC_TOE, buggy(mode, "?timeout=0.3&nodes=5"))
    with pytest.raises(EngineError) as gave_up:
        player.choose(turn(TIC_TAC_TOE, "51"))
    assert why in str(gave_up.value)
    assert "had been started anew in this game before. The position: p2/1P1/3[PPPPppp] w - - 2 2" in str(gave_up.value)
    assert player.clients == [] and player.restarts == 2


def test_one_hanging_process_of_several_does_not_stop_the_others(make: Make, tmp_path: Path) -> None:
    player = make(TIC_TAC_TOE, buggy(f"hang {tmp_path}/hung", "?timeout=0.5&processes=2"))
    states = TIC_TAC_TOE.initial_states(6)
    rngs = [np.random.default_rng(k) for k in range(6)]
    found = player.choose(players.Turn(states, rngs, states, [[]] * 6))
    assert len(found.actions) == 6 and player.restarts == 1


@pytest.mark.parametrize(("mode", "said"), [("illegal", "'P@b2'"), ("none", "'(none)'"), ("empty", "''")])
def test_an_illegal_move_is_named_with_engine_and_position(make: Make, mode: str, said: str) -> None:
    player = make(TIC_TAC_TOE, buggy(mode))
    with pytest.raises(EngineError) as refused:
        player.choose(turn(TIC_TAC_TOE, "513"))
    assert f"{player.name}' answered {said} (answer 1), which is not legal in the position" in str(refused.value)
    assert "p1P/1P1/3[PPPppp] b" in str(refused.value) and player.illegal_moves == 1


def test_noise_is_passed_over(make: Make) -> None:
    player = make(TIC_TAC_TOE, buggy("noise"))
    found = player.choose(turn(TIC_TAC_TOE, "51"))
    assert found.actions[0] not in (0, 4) and found.values[0] == pytest.approx(centipawns.to_value(30), abs=1e-6)


def test_a_second_answer_is_not_taken_for_the_next_one(make: Make) -> None:
    player = make(TIC_TAC_TOE, buggy("twice"))
    player.choose(turn(TIC_TAC_TOE, "1"))
    time.sleep(0.1)  # the second answer, P@a1, has been written by now
    assert player.choose(turn(TIC_TAC_TOE, "7")).actions[0] != 6


def test_an_engine_that_does_not_stop_talking_is_given_up(make: Make) -> None:
    player = make(TIC_TAC_TOE, buggy("talkative", "?timeout=0.3"))
    asked = turn(TIC_TAC_TOE, "1")
    assert player.choose(asked).actions[0] in range(1, 9)
    player.choose(asked)  # once it is started anew
    with pytest.raises(EngineError, match=r"did not answer within 0.3 s"):
        player.choose(asked)


def test_a_slow_start_is_waited_for(make: Make) -> None:
    assert make(TIC_TAC_TOE, buggy("slow")).choose(turn(TIC_TAC_TOE)).actions[0] in range(9)


@pytest.mark.parametrize("mode", ["mute", "chatter"])
def test_a_program_that_does_not_speak_the_protocol_is_told_from_an_engine(
    make: Make, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "HELLO_SECONDS", 0.4)
    with pytest.raises(EngineError, match=r"did not answer within 0.4 s. It was asked if it speaks UCI."):
        make(TIC_TAC_TOE, buggy(mode))


def test_who_does_not_speak_hub_is_given_a_hint(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "HELLO_SECONDS", 0.4)
    with pytest.raises(EngineError, match=r"within 0.4 s. It was asked if it speaks Hub. .* hub:\"scan hub\""):
        make(CHECKERS, "hub:cat")


def test_a_program_that_ends_at_once_is_told_from_an_engine(make: Make) -> None:
    with pytest.raises(EngineError, match=r"ended, exit code 2.*can't open file '/nowhere.py'.* speaks UCI"):
        make(TIC_TAC_TOE, f'uci:"{sys.executable} /nowhere.py"')
    with pytest.raises(EngineError, match=r"the engine '.*true' ended, exit code 0"):
        make(TIC_TAC_TOE, "uci:true")


def test_an_engine_closed_can_be_asked_again(make: Make) -> None:
    player = make(TIC_TAC_TOE, buggy("good"))
    player.close()
    player.close()
    assert len(player.choose(turn(TIC_TAC_TOE)).actions) == 1


# Processes


@pytest.mark.parametrize("mode", ["good", "deaf", "hang"])
def test_closing_ends_the_process_and_leaves_no_zombie(make: Make, mode: str) -> None:
    player = make(TIC_TAC_TOE, buggy(mode))
    before = pids(player)
    assert not any(map(gone, before))
    player.close()
    assert all(map(gone, before))


SCRIPT = """
import sys
from selfplay.players.external import engine_process, protocols
client = engine_process.Client([sys.executable, *sys.argv[1:]], protocols.UciLanguage())
print(client.pid, flush=True)
client.begin(protocols.Question("", []), protocols.Limits(1, None, None), 60.0)
if sys.argv[-1] == "hang":
    engine_process.wait_for_any([client])
"""


def test_an_engine_ends_with_the_interpreter() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(BUGGY), "deaf"], capture_output=True, text=True, timeout=60, check=True,
        cwd=BUGGY.parent.parent,
    )  # fmt: skip
    assert done.stderr == "" and gone(int(done.stdout))


def test_ctrl_c_ends_the_engine_that_is_thinking() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(BUGGY), "hang"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=BUGGY.parent.parent,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert complaint.strip().endswith("KeyboardInterrupt") and time.monotonic() - began < 5
    assert gone(pid)


# What the texts say


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("uci:", "names no engine"),
        ("uci:?nodes=3", "names no engine"),
        ('uci:"unclosed', "expected \" after the engine's command"),
        ('uci:"a"b', "expected \" after the engine's command"),
        ("uci:'a b\" c'", "a quotation mark in the engine's command is not closed"),
        ("uci:no-such-engine-9", "there is no engine 'no-such-engine-9', neither a file nor a command on the PATH."),
        ("uci:/no/such/file", "there is no engine '/no/such/file'"),
        ("uci:~nobody-here/" + "x" * 300, "there is no engine"),
        ("uci:cat?nodes", "expected options such as name=value"),
        ("uci:cat?=3", "expected options such as name=value"),
        ("uci:cat?nodes=1&nodes=2", "each once"),
        ("uci:cat?nodes=0", "nodes must be a whole number from 1 to"),
        ("uci:cat?nodes=1.5", "nodes must be a whole number"),
        ("uci:cat?movetime=soon", "movetime must be a whole number"),
        ("uci:cat?depth=1e9", "depth must be a whole number from 1 to 1,000"),
        ("uci:cat?processes=65", "processes must be a whole number from 1 to 64"),
        ("uci:cat?timeout=nan", "timeout must be a number"),
        ("uci:cat?newgame=maybe", "newgame must be true or false"),
        (f"uci:{BUGGY}", "is not a program: make it one with chmod"),
    ],
)
def test_a_text_that_names_no_engine_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        engines.make(TIC_TAC_TOE, text)
    assert why in str(refused.value)


def test_a_missing_engine_is_put_right_or_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine_spec, "_ALSO_IN", ())
    with pytest.raises(ConfigError, match=r"Stockfish: apt install stockfish"):
        engines.make(CHESS, "uci:stokfish")
    (tmp_path / "stockfish").write_text("#!/bin/sh\n")
    (tmp_path / "stockfish").chmod(0o755)
    with pytest.raises(ConfigError, match=r"Did you mean 'stockfish'\?"):
        engines.make(CHESS, "uci:stokfish")


def test_a_path_may_have_blanks_in_it(make: Make, tmp_path: Path) -> None:
    program = tmp_path / "my engine"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{BUGGY}' good\n")
    program.chmod(0o755)
    for text in (f"uci:{program}", f'uci:"{program}"?nodes=5', f"uci:\"'{program}' good\""):
        assert make(TIC_TAC_TOE, text).choose(turn(TIC_TAC_TOE)).actions[0] in range(9)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("?levl=3", "has no option 'levl'. Did you mean 'Level'? It has: nodes, depth, movetime, processes,"),
        ("?move-time=3", "has no option 'move-time'. Did you mean 'movetime'?"),
        ("?Level=10", "Level cannot be '10'; expected a whole number from 0 to 9."),
        ("?Level=x", "Level cannot be 'x'; expected a whole number from 0 to 9."),
        ("?Wild=perhaps", "Wild cannot be 'perhaps'; expected true or false."),
        ("?Style of Play=odd", "Style of Play cannot be 'odd'; expected one of Solid, Very Wild."),
        ("?Book File=a%0Aquit", "Book File cannot be 'a\\nquit'; expected text on one line."),
        ("?UCI_Elo=5000", "UCI_Elo cannot be '5000'; expected a whole number from 800 to 1200."),
    ],
)
def test_options_are_checked_against_what_the_engine_announces(make: Make, options: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make(TIC_TAC_TOE, buggy("good", options))
    assert why in str(refused.value)


def test_an_engine_that_does_not_play_the_game_is_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="does not play tic-tac-toe"):
        make(TIC_TAC_TOE, buggy("'chess only'"))
    with pytest.raises(ConfigError, match="does not play connect-four"):
        make(CONNECT_FOUR, buggy("good"))
    with pytest.raises(ConfigError, match=r"checkers cannot be played with UCI engines. 'hub:…' names engines for it."):
        make(CHECKERS, "uci:stockfish")
    with pytest.raises(ConfigError, match="tic-tac-toe cannot be played with Hub engines"):
        make(TIC_TAC_TOE, "hub:scan")


def test_texts_of_engines_are_players_like_others() -> None:
    game, (first, second) = registry.load_players([buggy("good"), "random"], "tic-tac-toe", 10)
    try:
        assert first.name == buggy("good") and len(match.play_pairs(game, first, second, begin(game), 1)) == 8
    finally:
        first.close()


# Hub


def test_a_hub_engine_plays_whole_games_of_checkers(make: Make) -> None:
    player = make(CHECKERS, buggy("good", "?threads=2&margin=0.25", "hub"))
    starts = begin(CHECKERS, 10, plies=3)
    played = match.play_pairs(CHECKERS, player, reference.make(CHECKERS, "random"), starts, 1)
    assert len(played) == 20 and player.illegal_moves == player.restarts == 0
    plies = sum(not math.isnan(value) for one in played for value in one.values)
    assert plies > player.asked  # jumps over several pieces took more plies than questions
    with pytest.raises(ConfigError, match="threads cannot be '17'; expected a whole number from 1 to 16"):
        make(CHECKERS, buggy("good", "?threads=17", "hub"))
    with pytest.raises(ConfigError, match=r"margin cannot be '2'; expected a number from 0 to 1"):
        make(CHECKERS, buggy("good", "?margin=2", "hub"))
    with pytest.raises(ConfigError, match="plays normal, bt, but not english"):
        make(CHECKERS, buggy("'ten by ten'", "", "hub"))


def test_a_hub_engine_that_goes_wrong_is_named(make: Make) -> None:
    player = make(CHECKERS, buggy("illegal", "", "hub"))
    with pytest.raises(EngineError, match=r"answered '1-32' \(answer 1\), which is not legal in the position Bbbb"):
        player.choose(turn(CHECKERS))
    hanging = make(CHECKERS, buggy("hang", "?move-time=0.1&timeout=0.2", "hub"))
    with pytest.raises(EngineError, match=r"did not answer within 0.3 s"):
        hanging.choose(turn(CHECKERS))


def test_an_engine_joins_in_the_middle_of_a_jump(make: Make) -> None:
    """White has jumped over 18 and jumps on over 10."""
    player = make(CHECKERS, buggy("good", "", "hub"))
    start = notation_of(CHECKERS).from_fen("W:W22,32:B1,10,18,28")
    text = protocols_of(CHECKERS).hub()
    assert text is not None
    first, second = text.actions(start[0], "22x6x10x18")
    states = CHECKERS.step(start, np.array([first])).states
    found = player.choose(players.Turn(states, [np.random.default_rng(0)], start, [[first]]))
    assert found.actions[0] == second


# The lines of the protocols

UCI, HUB = protocols.UciLanguage(), protocols.HubLanguage()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("info depth 1 score cp 0", 0.0),
        ("info depth 1 score cp 100 nodes 5", 0.5358),
        ("info depth 1 score cp -100", -0.5358),
        ("info score cp 12800", 1.0),
        ("info score mate 3", 1.0),
        ("info score mate -2", -1.0),
        ("info score mate 0", -1.0),
        ("info score cp 20 wdl 300 600 100 nodes 3", 0.2),
        ("info multipv 1 score cp 0", 0.0),
        ("info multipv 2 score cp 90", None),
        ("info string score cp 90", None),
        ("info depth 3", None),
        ("bestmove e2e4", None),
        ("info score cp", None),
        ("info score cp 3 wdl 1 2", None),
    ],
)
def test_scores_in_uci_become_expected_outcomes(line: str, value: float | None) -> None:
    found = UCI.value(line)
    assert found is None if value is None else found == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize(
    ("line", "value"),
    [("info depth=3 score=0", 0.0), ("info score=1.5", 0.6589), ("info score=-99.9", -1.0), ("info score=x", None),
     ('info pv="1-5 6-9"', None), ("done move=1-5", None)],
)  # fmt: skip
def test_scores_in_hub_become_expected_outcomes(line: str, value: float | None) -> None:
    found = HUB.value(line)
    assert found is None if value is None else found == pytest.approx(value, abs=1e-3)


def test_moves_are_read_from_answers() -> None:
    assert UCI.move("bestmove e7e8q ponder a1a2") == "e7e8q" and UCI.move("info pv bestmove") is None
    assert HUB.move("done move=32-28 ponder=17-22") == "32-28" and HUB.move("done") == "" and HUB.move("info") is None


@settings(deadline=None)
@given(st.text(max_size=200) | st.text("info score cp mate wdl multipv -1234567890=\"' ", max_size=80))
def test_no_line_of_an_engine_is_an_error(noise: str) -> None:
    for language in (UCI, HUB):
        for line in (noise, f"info {noise}", f"option name {noise}", f"param name={noise}", f"info score cp {noise}"):
            value = language.value(line)
            assert value is None or -1 <= value <= 1
            language.option(line)
            assert language.move(line) is None or line.split()[0] in ("bestmove", "done")


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["uci:", "hub:", 'uci:"', "uci:cat?", "uci:cat?nodes=", "hub:cat?depth="]))
def test_any_text_is_a_player_or_refused(noise: str, kind: str) -> None:
    try:
        engine_spec.parse(kind + noise, HUB if kind[0] == "h" else UCI)
    except UserError as error:
        assert len(str(error)) < 400


@needs_stockfish
def test_options_are_read_as_python_chess_reads_them() -> None:
    path = shutil.which("stockfish", path=ENGINES)
    assert path is not None
    client = engine_process.Client([path], UCI)
    client.close()
    with chess.engine.SimpleEngine.popen_uci(path) as other:
        expected = {(option.name, option.type, str(option.default).lower()) for option in other.options.values()}
        limits = {name: (option.min, option.max) for name, option in other.options.items() if option.type == "spin"}
    found = {(o.name, o.kind, "none" if o.kind == "button" else o.default.lower()) for o in client.options}
    assert found == expected
    assert {o.name: (o.low, o.high) for o in client.options if o.kind == "spin"} == limits


# Engines that people have


@needs_stockfish
def test_stockfish_plays_chess_from_any_start(make: Make) -> None:
    player = make(CHESS, "uci:stockfish?UCI_Elo=1500&nodes=200")
    starts = [openings.Opening(CHESS.initial_states(1), ())]
    starts += [openings.Opening(notation_of(CHESS).from_fen("4k3/P7/8/8/8/8/7p/4K3 b - - 0 1"), ())]
    played = match.play_pairs(CHESS, player, reference.make(CHESS, "greedy"), starts, 1)
    assert len(played) == 4 and player.illegal_moves == player.restarts == 0


@needs_stockfish
def test_stockfish_castles_in_chess960(make: Make) -> None:
    game = games.make("chess", chess960=True)
    player = make(game, "uci:stockfish?depth=1")
    start = game.chess960_states(np.array([0]))  # bishops in the corner, king and rook side by side
    played = match.play_pairs(game, player, reference.make(game, "random"), [openings.Opening(start, ())], 1)
    assert len(played) == 2 and player.illegal_moves == player.restarts == 0


@needs_fairy
@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=lambda game: game.name)
def test_fairy_stockfish_plays_the_games_it_is_taught(make: Make, game: Game) -> None:
    player = make(game, "uci:fairy-stockfish?nodes=2000")
    starts = begin(game, 5) if game is TIC_TAC_TOE else begin(game, 5, plies=2)
    played = match.play_pairs(game, player, reference.make(game, "random"), starts, 1)
    assert match.summary(played).score >= 0.85 and player.illegal_moves == player.restarts == 0
    if game is TIC_TAC_TOE:
        drawn = match.play_pairs(game, player, reference.make(game, "solver"), begin(game, 5), 1)
        assert match.summary(drawn) == (0, 10, 0)
