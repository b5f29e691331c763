"""Plays against an agent in the terminal, or watches two of them.

WHAT is a game, whose bundled agent is then the opponent, or a run's folder, or one generation's. A PLAYER is one of
these folders, a reference player (random, greedy, uct:SIMULATIONS, alphabeta:DEPTH, solver), "bundled", "human", or an
engine (uci:COMMAND, hub:COMMAND). At the prompt, type moves, or `help`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay import errors
from selfplay.cli.console import early, numbers
from selfplay.cli.terminal import strength as strengths
from selfplay.errors import ConfigError, UserError

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.play.opponent import Opponent
    from selfplay.play.session import GameSession, Strength

EPILOG = """examples:
  selfplay play connect-four
  selfplay play runs/connect-four --level 5 --as second
  selfplay play chess --clock 5+3 --record games.pgn
  selfplay play checkers --against alphabeta:5 --plain
  selfplay play connect-four --as none --against uct:1000
  selfplay play chess --fen "6k1/5ppp/8/8/8/8/8/3R2K1 w - - 0 1"
  selfplay play connect-four --against human --moves 4453

Ctrl-C while an agent thinks makes it move at once. Input that is piped in is echoed; the session ends with it.
"""

SIMULATIONS = 400
TEMPERATURE = 0.1  # moves that are nearly as good as the best are played now and then
HUMAN, BUNDLED, UNTRAINED = "human", "bundled", "uct"
ENGINES = ("uci", "hub")
KINDS = ("random", "greedy", "uct", "alphabeta", "solver", *ENGINES, BUNDLED, HUMAN)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help="a game, a run's folder, or one generation's")
    parser.add_argument("--against", metavar="PLAYER", help="the opponent (default: the agent)")
    parser.add_argument("--agent", metavar="PLAYER",
                        help="who gives hints, and plays with --as none (default: that of WHAT)")  # fmt: skip
    parser.add_argument("--as", dest="seat", choices=("first", "second", "random", "none"), default="first",
                        help="where you sit; none: watch two agents")  # fmt: skip
    strength = parser.add_mutually_exclusive_group()
    strength.add_argument("--level", type=numbers.whole(1, 10), metavar="1-10", help="how strong the opponent is")
    strength.add_argument("--simulations", type=numbers.whole(0, strengths.MOST), metavar="N",
                          help=f"strength as simulations a move (default {SIMULATIONS})")  # fmt: skip
    parser.add_argument("--temperature", type=numbers.real(0, 100), metavar="T",
                        help=f"randomness of its moves; 0: always the best move (default {TEMPERATURE})")  # fmt: skip
    parser.add_argument("--ascii", action="store_true", help="boards as text; needs no Unicode")
    parser.add_argument("--plain", action="store_true", help="everything in words, for screen readers: no boards")
    parser.add_argument("--clock", metavar="5+3", help="minutes each, and seconds a move")
    parser.add_argument("--fen", metavar="FEN", help="the position to begin with (chess, checkers)")
    parser.add_argument("--moves", metavar="MOVES", help="moves to begin with")
    parser.add_argument("--load", metavar="FILE", help="a game to go on with")
    parser.add_argument("--record", metavar="FILE", help="a file that every game is added to, with comments")
    parser.add_argument("--seed", type=numbers.seed, metavar="N", help="makes the agents' choices repeatable")


def run(arguments: argparse.Namespace) -> int:
    for text in (arguments.agent, arguments.against):
        _check_player(text or HUMAN)  # before the game is loaded, which takes longer
    game, agent = _game_and_agent(arguments)
    against = arguments.against or agent
    for text in (agent, against):
        _check_player(text)
    if agent == HUMAN:
        raise ConfigError("--agent cannot be human: it gives hints; '--against human' is for two people.")
    if arguments.seat == "none" and against == HUMAN:
        raise ConfigError("--as none leaves nobody to play against a human: give '--as first', or another --against.")

    import numpy as np

    from selfplay.cli.terminal import commands, records, screen
    from selfplay.cli.terminal.dialogue import Dialogue
    from selfplay.cli.terminal.seats import AGENT, OPPONENT, PERSON

    rng = np.random.default_rng(arguments.seed)
    second = PERSON if against == HUMAN else OPPONENT
    seats = [AGENT if arguments.seat == "none" else PERSON, second]
    if arguments.seat == "second" or (arguments.seat == "random" and rng.random() < 0.5):
        seats.reverse()
    keep = records.place(game, arguments.record) if arguments.record else None
    strength, simulations = _strength(arguments)
    names = {AGENT: _name(agent), OPPONENT: _name(against)}
    at = _set_up(game, arguments)
    searching = {seat for seat, text in ((AGENT, agent), (OPPONENT, against)) if _searches(text)}
    talk = Dialogue(
        screen.Screen(arguments.plain, arguments.ascii), at, seats, names, searching, strength, simulations, rng, keep,
        lambda: _load(game, agent, against, simulations), commands.TABLE,
    )  # fmt: skip
    try:
        talk.run()
    except KeyboardInterrupt:
        if not talk.busy:
            raise
        sys.stdout.flush()
        os._exit(130)  # a player that cannot be stopped: what it finds is of no use, and Python would wait for it
    return 0


def _game_and_agent(arguments: argparse.Namespace) -> tuple[Game, str]:
    """The game that is played, and the text that names its agent. Loads no torch."""
    import games
    from selfplay.players import pretrained

    what, agent = arguments.what, arguments.agent
    if what not in games.available() and not games.of_library(what):
        if not Path(what).exists():
            known = games.available()
            hint = errors.suggest(what, known)
            raise ConfigError(f"'{what}' is neither a game nor a folder.{hint} Games: {', '.join(known)}.")
        meta = pretrained.peek(Path(what))
        try:
            return games.make(meta["game"], **meta.get("game_options", {})), agent or what
        except ValueError as error:
            raise ConfigError(f"'{what}' plays a game that is not installed: {error}") from None
    if agent is None:
        agent = BUNDLED if what in pretrained.available() else UNTRAINED
    options = {}
    if agent != BUNDLED and (path := Path(agent.partition("?")[0])).is_dir():
        options = pretrained.peek(path).get("game_options", {})
    return games.make(what, **options), agent


def _check_player(text: str) -> None:
    """Raises ConfigError for a text that cannot name a player, before anything is loaded."""
    kind = text.partition("?")[0].partition(":")[0]
    if kind not in KINDS and not Path(text.partition("?")[0]).exists():
        hint = errors.suggest(kind, KINDS)
        raise ConfigError(f"no player is called '{text}'.{hint} Known: a run's folder, {', '.join(KINDS)}.")
    if "?" in text and kind not in ENGINES:
        raise ConfigError(
            f"'{text}': how much an agent searches is set by --simulations or --level here: leave out what follows "
            f"'{text.partition('?')[0]}'."
        )
    if text != UNTRAINED:
        early.check_untrained(text)


def _searches(text: str) -> bool:
    """Whether strength, as it is set here, is that of the player."""
    return text in (BUNDLED, UNTRAINED) or text.partition(":")[0] not in KINDS


def _name(text: str) -> str:
    """What a player is called: of folders, the run and the generation."""
    path = Path(text.partition("?")[0])
    if text == BUNDLED or not path.is_dir():
        return "agent" if text == BUNDLED else text
    path = path.resolve()
    return f"{path.parent.parent.name} generation {int(path.name)}" if path.name.isdigit() else path.name


def _strength(arguments: argparse.Namespace) -> tuple[Strength, int]:
    """(Strength, simulations of hints and analyses)."""
    from selfplay.play import session

    wanted = SIMULATIONS
    if arguments.simulations is not None:
        wanted = arguments.simulations
    strength = session.Strength(wanted, TEMPERATURE)
    if arguments.level is not None:
        strengths.set_level(strength, arguments.level)
    if arguments.temperature is not None:
        strength.temperature = arguments.temperature
    return strength, max(wanted, 1)


def _set_up(game: Game, arguments: argparse.Namespace) -> GameSession:
    """The game at the position to begin with. Raises UserError."""
    from games.base import IllegalMove
    from selfplay.cli.terminal import records
    from selfplay.play import session

    if arguments.load and (arguments.fen or arguments.moves):
        raise UserError("--load brings a position of its own: give it, or --fen and --moves.")
    at = session.GameSession(game)
    try:
        if arguments.load:
            record, _, remarks = records.load(game, arguments.load)
            _warn(f"'{arguments.load}', {remark}" for remark in remarks)
            at.load(record)
        if arguments.fen:
            states, _, sentences = at.notation.read_position(arguments.fen)
            _warn(f"--fen: {sentence}" for sentence in sentences)
            at.set_up(states)
        at.play_record(arguments.moves or "")
    except IllegalMove as error:
        raise UserError(str(error)) from None
    if arguments.clock:
        at.clock = session.clock(arguments.clock)
    return at


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        print(f"selfplay: warning: {sentence}", file=sys.stderr)


def _load(game: Game, agent: str, against: str, simulations: int) -> tuple[Opponent, Opponent]:
    """The agent and the opponent; where they are the same, two who share a network. Raises UserError."""
    from selfplay.play import opponent

    first = opponent.named(agent, game, simulations)
    first.name = _name(agent)
    if against in (agent, HUMAN):
        return first, opponent.twin(first)
    second = opponent.named(against, game, simulations)
    second.name = _name(against)
    return first, second
