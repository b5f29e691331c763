"""An engine session: one game followed for a protocol, one search request at a time.

Protocols translate lines into calls and reports into lines; what a position, a setting or a limit of time means is
decided here. One thread makes all calls. A `SearchRequest` may be stopped from any other at any time, also before it is
begun. Knows no protocol.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import games
from games import base
from games.base import Game
from games.knowledge import Knowledge
from games.text import records, whole_moves
from selfplay import config as configs
from selfplay.errors import UserError
from selfplay.players import levels, network_player, strength
from selfplay.players.levels import Level
from selfplay.players.network_player import NetworkPlayer
from selfplay.search import search, tree
from selfplay.search.analyzer import PV, Analyzer, Limit, SearchInfo
from selfplay.search.config import SearchConfig
from selfplay.serve import options
from selfplay.serve.notations import ProtocolNotation
from selfplay.serve.search_request import SearchRequest, Stopper

REPORTS = 0.5  # seconds between reports
MAX_MOVES = 5000  # of one game: more than any real one, few enough to be read in a moment
_PERFT_AT_ONCE = 4  # moves deep: counted without looking whether the request was stopped
_WARM_UP = 64  # simulations


class Variation(NamedTuple):
    """One move, and what is expected after it."""

    moves: list[str]  # whole moves, the one it is about first
    value: float  # in [-1, 1] for the player to move
    proven: int | None  # −1, 0, +1
    plies: int | None  # whole moves to the end of the game, where the variation leads there and proves the value
    line: PV


class Report(NamedTuple):
    """What a search has found so far."""

    variations: list[Variation]  # the best first; as many as multi_pv asks for
    info: SearchInfo
    seconds: float  # since the request was made
    used: float  # share of the tree's room, in [0, 1]


class PlayResult(NamedTuple):
    """How a search request ended."""

    move: str | None  # None: the game is over
    reply: str | None  # the move expected after it
    report: Report | None
    moves: list[Variation]  # every legal move, where statistics are asked for


class _Position(NamedTuple):
    start: np.ndarray  # [1]
    actions: list[int]
    states: np.ndarray  # [1], after them


class EngineSession:
    """One game, followed for a protocol; see the module docstring."""

    def __init__(self, player: NetworkPlayer, notation: ProtocolNotation, rng: np.random.Generator) -> None:
        self.player, self.game, self.notation, self.rng = player, player.game, notation, rng
        self.settings: dict[str, options.Value] = {option.key: option.default for option in options.ENGINE}
        self.calibration: strength.Calibration | None = None  # what the setting `elo` means for this agent
        self.config = player.config
        start = self.game.initial_states(1)
        self._position = _Position(start, [], start)
        self.refused = ""  # why the position that was told last could not be taken: there is no move for it
        self._told: tuple[str | None, list[str]] = (None, [])  # the position as the protocol named it
        self._analyzer: Analyzer | None = None
        self._only: tuple[int, ...] = ()  # actions that its tree's root was restricted to; empty: it was not
        self._room = 0  # nodes
        self._stopper: Stopper | None = None

    def warm_up(self) -> None:
        """Searches briefly, so that no compilation or memory allocation costs time once a clock runs."""
        answer = self.play(SearchRequest(simulations=_WARM_UP))
        assert answer.move is not None
        self.set_position(None, [answer.move])
        self.play(SearchRequest(simulations=_WARM_UP))
        self.set_position(None, [])
        self.new_game()
        gc.collect()
        gc.freeze()  # what was loaded stays: going through it all again takes a tenth of a second

    # -- settings ------------------------------------------------------------------------------------------

    def set(self, option: options.Option, value: options.Value) -> str | None:
        """Changes a setting; returns a remark for the user, if there is one. Raises UserError for a
        value that cannot be used, and keeps the old one."""
        config, settings = self.config, dict(self.settings)
        if option.search:
            config = configs.from_values(SearchConfig, configs.to_values(config) | {option.key: value})
        else:
            settings[option.key] = value
        if option.search or option.key in ("hash", "leaves"):
            self._analyzer = None  # the old tree makes room for the new one
            try:
                self._analyzer = self._make(config, settings)
            except (MemoryError, OSError):
                raise UserError(f"{value} for {option.name} is more memory than there is.") from None
            self._only = ()
        self.config, self.settings = config, settings
        if option.idle:
            return f"{option.name} has no effect here: {option.idle}."
        if value == "gumbel":
            return "sequential halving needs to know its last simulation from the first: PUCT searches in its place."
        return None

    def level(self) -> Level:
        """How strong to play: at the Elo that is asked for, else at the level."""
        if self.calibration is not None and self.settings.get("limit_strength"):
            return self.calibration.level(int(self.settings.get("elo", self.calibration.highest)))
        return levels.named(int(self.settings["level"]))

    def new_game(self) -> None:
        """Forgets the tree."""
        self._analyzer = None

    def _make(self, config: SearchConfig, settings: Mapping[str, options.Value]) -> Analyzer:
        self._room = room(self.game, config, int(settings["hash"]))
        return Analyzer(self.game, self._evaluate, config, self._room, int(settings["leaves"]))

    def _evaluate(self, leaves: search.Leaves) -> tuple[np.ndarray, np.ndarray]:
        if self._stopper is not None:
            self._stopper.before_batch()
        return self.player.evaluate(leaves)

    # -- positions -----------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the game is over in the position."""
        return bool(self._position.states["terminal"][0])

    @property
    def to_play(self) -> int:
        """The seat to move in the position."""
        return int(self._position.states["to_play"][0])

    def lost(self) -> bool:
        """Whether the game is over and the player to move has lost it, as far as that is known."""
        position = self._position
        points = records.score(self.game, position.start, position.actions)
        return points is not None and points == float(self.to_play)

    def set_position(self, start: str | None, moves: Sequence[str]) -> Sequence[str]:
        """The position after `moves` from `start` (None: the game's); returns what of a start that was not told before
        was read otherwise than it stands. Raises IllegalMove, and there is no position then until the next one is told,
        as the other side has another in mind than the old one.

        Interfaces go on where our rules see a draw that players might claim, or a game that is too long: there the
        game is taken up anew, without its history."""
        known = start is None or start == self._told[0]
        try:
            self._set_position(start, moves)
        except ValueError as error:
            self.refuse(str(error))
            raise
        self.refused = ""
        return () if start is None or known else self.notation.remarks(start)

    def refuse(self, why: str) -> None:
        """Leaves the session without a position until the next one is told."""
        self.refused = why

    def _set_position(self, start: str | None, moves: Sequence[str]) -> None:
        if len(moves) > MAX_MOVES:
            raise base.IllegalMove(f"{len(moves)} moves are too many; a game may have {MAX_MOVES}.")
        said, known = self._told
        if said == start and list(moves[: len(known)]) == known:
            begin, actions, states = self._position
            actions, read = list(actions), len(known)
        else:
            begin = states = self.game.initial_states(1) if start is None else self.notation.read(start)
            actions, read = [], 0
        for number in range(read, len(moves) + 1):
            if states["terminal"][0] and not (going := self.game.unclaimed(states))["terminal"][0]:
                begin, actions, states = going, [], going
            if number == len(moves):
                break
            try:
                played = self.notation.actions(states[0], moves[number])
            except base.IllegalMove as error:
                raise base.IllegalMove(f"move {number + 1}: {error}") from None
            for action in played:
                states = self.game.step(states, np.array([action])).states
            actions += played
        self._told, self._position = (start, list(moves)), _Position(begin, actions, states)

    def drawing(self) -> list[str]:
        """The position for people, line by line."""
        state = self._position.states[0]
        return [*self.game.to_string(state).splitlines(), "", f"Fen: {self.notation.write(state)}"]

    def perft(self, depth: int, request: SearchRequest) -> Iterator[tuple[str, int]]:
        """By move, the number of move sequences `depth` long; ends early when the request is stopped."""
        for move in whole_moves.legal(self.game, self._position.states):
            count = self._count(move.after, depth - 1, request)
            if request.stopped.is_set():
                return
            yield self.notation.move(move.before[0], move.actions), count

    def _count(self, states: np.ndarray, depth: int, request: SearchRequest) -> int:
        if depth <= _PERFT_AT_ONCE:
            return games.facet(self.game, Knowledge).perft(states[0], depth) if depth else 1
        if request.stopped.is_set():
            return 0
        return sum(self._count(move.after, depth - 1, request) for move in whole_moves.legal(self.game, states))

    # -- searching -----------------------------------------------------------------------------------------

    def play(self, request: SearchRequest, tell: Callable[[Report], None] | None = None) -> PlayResult:
        """Searches the position as the request says. Reports go to `tell`. Raises IllegalMove for moves in
        request.only. Without a position there is no move."""
        position = self._position
        if self.over or self.refused:
            self._wait(request)
            return PlayResult(None, None, None, [])
        analyzer = self._analyzer_for(request)
        analyzer.set_position(position.start, position.actions, self._only)
        level = levels.FULL if request.analysis else self.level()
        limits = [limit for limit in (request.simulations, level.num_simulations) if limit is not None]
        plies_left = self.game.max_game_length - len(position.actions)
        overhead = float(self.settings["move_overhead"]) / 1000
        self._stopper = stopper = Stopper(request, analyzer, min(limits, default=None), plies_left, overhead)
        told = request.began

        def watch(info: SearchInfo) -> None:
            nonlocal told
            stopper.consider(info)
            if tell is not None and time.perf_counter() - told >= REPORTS:
                tell(self._report(request, info))
                told = time.perf_counter()

        try:
            info = analyzer.analyze(stopper.limit(), watch, stopper.every)
        finally:
            self._stopper = None
        if tell is not None:
            tell(self._report(request, info))
        self._wait(request)
        if not request.analysis and (warmth := float(self.settings["temperature"])):
            level = level._replace(temperature=warmth)
        action = levels.pick(info, level, self.rng)
        everything = self._variations(info, len(info.lines)) if self.settings["verbose"] else []
        return PlayResult(*self._answer(analyzer, info, action), self._report(request, info), everything)

    @staticmethod
    def _wait(request: SearchRequest) -> None:
        """Waits until the answer may be given: for `stop` in an endless search, for the end of pondering in another."""
        if request.endless:
            request.stopped.wait()
        elif request.ponder:
            request.released.wait()

    def _analyzer_for(self, request: SearchRequest) -> Analyzer:
        state = self._position.states[0]
        only = tuple(sorted({self.notation.actions(state, text)[0] for text in request.only}))
        if self._analyzer is None:
            self._analyzer = self._make(self.config, self.settings)
        elif only or self._only:  # the tree of a restricted search is of no use to another one
            self._analyzer.forget()
        self._only = only
        return self._analyzer

    def _answer(self, analyzer: Analyzer, info: SearchInfo, action: int) -> tuple[str, str | None]:
        """The whole move that begins with `action`, and the reply to it."""
        line = next(line for line in info.lines if line.actions[0] == action)
        moves = self._in_moves(line.actions)[0]
        if moves:
            return moves[0], moves[1] if len(moves) > 1 else None
        position, actions = self._position, list(line.actions)
        while True:  # the line ends within the move: the rest of it is searched as briefly as may be
            analyzer.set_position(position.start, [*position.actions, *actions])
            actions.append(analyzer.analyze(Limit(simulations=0)).lines[0].actions[0])
            if moves := self._in_moves(actions)[0]:
                return moves[0], None

    def _in_moves(self, actions: Sequence[int]) -> tuple[list[str], int | None]:
        """Actions from the position on as whole moves, less what ends within one; and the value of the end of the game
        for the player to move in the position, None where they do not lead there."""
        moves, mover = [], self.to_play
        for move in whole_moves.split(self.game, self._position.states, actions):
            if move.complete:
                moves.append(self.notation.move(move.before[0], move.actions))
            if move.last.discount[0] == 0:
                sign = 1 if move.before["to_play"][0] == mover else -1
                return moves, round(sign * float(move.last.reward[0]))
        return moves, None

    def _variations(self, info: SearchInfo, number: int) -> list[Variation]:
        found = []
        for line in info.lines[:number]:
            moves, end = self._in_moves(line.actions)
            plies = len(moves) if line.proven is not None and end == line.proven else None
            found.append(Variation(moves, line.value, line.proven, plies, line))
        return found

    def _report(self, request: SearchRequest, info: SearchInfo) -> Report:
        used = 1.0 if info.full else min(1.0, info.visits / self._room)
        variations = self._variations(info, int(self.settings["multi_pv"]))
        return Report(variations, info, time.perf_counter() - request.began, used)


def load(folder: Path, notation_of: Callable[[Game], ProtocolNotation]) -> EngineSession:
    """A session with the agent in a run's or generation's folder, ready for its first search. Raises UserError."""
    player = network_player.load(folder)
    session = EngineSession(player, notation_of(player.game), np.random.default_rng())
    session.calibration = strength.of_agent(folder)
    session.warm_up()
    return session


def room(game: Game, config: SearchConfig, megabytes: int) -> int:
    """How many nodes of a search tree fit into so much memory."""
    edges = min(game.max_legal_actions, config.edges_per_node)
    edge = tree.EDGE.itemsize + 4 + 4  # and its action, and descents on their way along it
    node = tree.NODE.itemsize + game.state_dtype.itemsize + 4 + 4 + edges * edge  # and what it takes to move the root
    nodes = min(megabytes * 2**20 // node, (2**31 - 1) // edges - 4)  # trees have 32-bit indices
    return max(nodes, game.max_legal_actions + 4)
