"""An engine that protocols can ask: one game followed, one task at a time, in words that a protocol understands.

Protocols translate lines into calls and reports into lines; what a position, a setting or a limit of time means is
decided here. One thread makes all calls. A `Task` may be stopped from any other at any time, also before it is begun.
"""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

import games
from games import base
from games.base import Game
from games.knowledge import Knowledge
from games.protocols import HubText, UciText
from games.text import records, whole_moves
from selfplay import config as configs
from selfplay.errors import UserError
from selfplay.players import levels
from selfplay.players.player import NetworkPlayer
from selfplay.search import search, tree
from selfplay.search.analyzer import PV, Analyzer, Limit, SearchInfo
from selfplay.search.config import SearchConfig
from selfplay.serve import options
from selfplay.serve.search_request import SearchRequest, Stopper

REPORTS = 0.5  # seconds between reports
MAX_MOVES = 5000  # of one game: more than any real one, few enough to be read in a moment
_PERFT_AT_ONCE = 4  # moves deep: counted without looking whether the task was stopped
_WARM_UP = 64  # simulations


class Notation(Protocol):
    """How a protocol writes the game."""

    def read(self, text: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove."""

    def write(self, state: np.void) -> str:
        """A position that nobody is in the middle of a move in."""

    def fresh(self, state: np.void) -> np.ndarray:
        """[1] state_dtype: the position without its history, as if a game began there."""

    def move(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move."""

    def actions(self, state: np.void, text: str) -> list[int]:
        """The inverse. Raises IllegalMove."""


class UciNotation:
    """See `Notation`."""

    def __init__(self, text: UciText) -> None:
        self.read, self.write = text.from_fen, text.to_fen
        self._text = text

    def fresh(self, state: np.void) -> np.ndarray:
        fields = self.write(state).split()
        return self.read(" ".join([*fields[:4], "0", *fields[5:]]))  # the clock of the draw by quiet moves

    def move(self, state: np.void, actions: Sequence[int]) -> str:
        return self._text.move(state, actions[0])

    def actions(self, state: np.void, text: str) -> list[int]:
        return [self._text.action(state, text)]


class HubNotation:
    """See `Notation`."""

    def __init__(self, text: HubText) -> None:
        self.read, self.write, self.move, self.actions = text.from_position, text.position, text.move, text.actions

    def fresh(self, state: np.void) -> np.ndarray:
        return self.read(self.write(state))


class Variation(NamedTuple):
    """One move, and what is expected after it."""

    moves: list[str]  # whole moves, the one it is about first
    value: float  # in [-1, 1] for the player to move
    proven: int | None  # −1, 0, +1
    plies: int | None  # whole moves to the end of the game, where the variation leads there and proves the value
    line: PV


class Report(NamedTuple):
    """What is thought so far."""

    variations: list[Variation]  # the best first; as many as multi_pv asks for
    thought: SearchInfo
    seconds: float  # since the task was asked
    used: float  # share of the tree's room, in [0, 1]


class Answer(NamedTuple):
    """How a task ended."""

    move: str | None  # None: the game is over
    reply: str | None  # the move expected after it
    report: Report | None
    moves: list[Variation]  # every legal move, where statistics are asked for


class _Position(NamedTuple):
    start: np.ndarray  # [1]
    actions: list[int]
    states: np.ndarray  # [1], after them


class EngineSession:
    """See the module docstring."""

    def __init__(self, player: NetworkPlayer, notation: Notation, rng: np.random.Generator) -> None:
        self.player, self.game, self.notation, self.rng = player, player.game, notation, rng
        self.settings: dict[str, options.Value] = {option.key: option.default for option in options.ENGINE}
        self.config = player.config
        start = self.game.initial_states(1)
        self._position = _Position(start, [], start)
        self._told: tuple[str | None, list[str]] = (None, [])  # the position in words
        self._thinker: Analyzer | None = None
        self._only: tuple[int, ...] = ()  # what `_thinker` is restricted to
        self._room = 0  # nodes
        self._overseer: Stopper | None = None

    def warm_up(self) -> None:
        """Thinks a little, so that compiled code is in place before a clock runs, and no pause is left for later."""
        answer = self.think(SearchRequest(simulations=_WARM_UP))
        assert answer.move is not None
        self.set_position(None, [answer.move])
        self.think(SearchRequest(simulations=_WARM_UP))
        self.set_position(None, [])
        self.new_game()
        gc.collect()
        gc.freeze()  # what was loaded stays: going through it all again takes a tenth of a second

    # -- settings ------------------------------------------------------------------------------------------

    def set(self, option: options.Option, value: options.Value) -> str | None:
        """What there is to say about it. Raises UserError for a value that does not do, and keeps the old one."""
        config, settings = self.config, dict(self.settings)
        if option.search:
            config = configs.from_values(SearchConfig, configs.to_values(config) | {option.key: value})
        else:
            settings[option.key] = value
        if option.search or option.key in ("hash", "leaves"):
            self._thinker = None  # the old tree makes room for the new one
            try:
                self._thinker = self._make(self.game, config, settings)
            except (MemoryError, OSError):
                raise UserError(f"{value} for {option.name} is more memory than there is.") from None
            self._only = ()
        self.config, self.settings = config, settings
        if option.idle:
            return f"{option.name} has no effect here: it is noise for self-play."
        if value == "gumbel":
            return "sequential halving needs to know its last simulation from the first: PUCT searches in its place."
        return None

    def new_game(self) -> None:
        """Forgets the tree."""
        self._thinker = None

    def _make(self, game: Game, config: SearchConfig, settings: Mapping[str, options.Value]) -> Analyzer:
        self._room = room(game, config, int(settings["hash"]))
        return Analyzer(game, self._evaluate, config, self._room, int(settings["leaves"]))

    def _evaluate(self, leaves: search.Leaves) -> tuple[np.ndarray, np.ndarray]:
        if self._overseer is not None:
            self._overseer.before_batch()
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

    def set_position(self, start: str | None, moves: Sequence[str]) -> None:
        """The position after `moves` from `start` (None: the game's). Raises IllegalMove, and keeps the old one.

        Interfaces go on where our rules see a draw that players might claim, or a game that is too long: there the
        game is taken up anew, without its history."""
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
            if states["terminal"][0] and not (fresh := self.notation.fresh(states[0]))["terminal"][0]:
                begin, actions, states = fresh, [], fresh
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

    def perft(self, depth: int, task: SearchRequest) -> Iterator[tuple[str, int]]:
        """By move, the number of move sequences `depth` long; ends early when the task is stopped."""
        for move in whole_moves.legal(self.game, self._position.states):
            count = self._count(move.after, depth - 1, task)
            if task.stopped.is_set():
                return
            yield self.notation.move(move.before[0], move.actions), count

    def _count(self, states: np.ndarray, depth: int, task: SearchRequest) -> int:
        if depth <= _PERFT_AT_ONCE:
            return games.facet(self.game, Knowledge).perft(states[0], depth) if depth else 1
        if task.stopped.is_set():
            return 0
        return sum(self._count(move.after, depth - 1, task) for move in whole_moves.legal(self.game, states))

    # -- thinking ------------------------------------------------------------------------------------------

    def think(self, task: SearchRequest, tell: Callable[[Report], None] | None = None) -> Answer:
        """Searches the position as the task says. Reports go to `tell`. Raises IllegalMove for moves in task.only."""
        position = self._position
        if self.over:
            self._wait(task)
            return Answer(None, None, None, [])
        thinker = self._thinker_for(task)
        thinker.set_position(position.start, position.actions)
        level = levels.FULL if task.analysis else levels.named(int(self.settings["level"]))
        limits = [limit for limit in (task.simulations, level.num_simulations) if limit is not None]
        plies_left = self.game.max_game_length - len(position.actions)
        overhead = float(self.settings["move_overhead"]) / 1000
        self._overseer = overseer = Stopper(task, thinker, min(limits, default=None), plies_left, overhead)
        told = task.began

        def watch(thought: SearchInfo) -> None:
            nonlocal told
            overseer.consider(thought)
            if tell is not None and time.perf_counter() - told >= REPORTS:
                tell(self._report(task, thought))
                told = time.perf_counter()

        try:
            thought = thinker.think(overseer.limit(), watch, overseer.every)
        finally:
            self._overseer = None
        if tell is not None:
            tell(self._report(task, thought))
        self._wait(task)
        if not task.analysis and (warmth := float(self.settings["temperature"])):
            level = level._replace(temperature=warmth)
        action = levels.pick(thought, level, self.rng)
        everything = self._variations(thought, len(thought.lines)) if self.settings["verbose"] else []
        return Answer(*self._answer(thinker, thought, action), self._report(task, thought), everything)

    @staticmethod
    def _wait(task: SearchRequest) -> None:
        """Answers are not given before they are asked for."""
        if task.endless:
            task.stopped.wait()
        elif task.ponder:
            task.released.wait()

    def _thinker_for(self, task: SearchRequest) -> Analyzer:
        state = self._position.states[0]
        only = tuple(sorted({self.notation.actions(state, text)[0] for text in task.only}))
        if self._thinker is None or only != self._only or only:
            game = _restricted(self.game, self._position.states, only) if only else self.game
            self._thinker = None
            self._thinker, self._only = self._make(game, self.config, self.settings), only
        return self._thinker

    def _answer(self, thinker: Analyzer, thought: SearchInfo, action: int) -> tuple[str, str | None]:
        """The whole move that begins with `action`, and the reply to it."""
        line = next(line for line in thought.lines if line.actions[0] == action)
        moves = self._in_moves(line.actions)[0]
        if moves:
            return moves[0], moves[1] if len(moves) > 1 else None
        position, actions = self._position, list(line.actions)
        while True:  # the line ends within the move: the rest of it is searched as briefly as may be
            thinker.set_position(position.start, [*position.actions, *actions])
            actions.append(thinker.think(Limit(simulations=0)).lines[0].actions[0])
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

    def _variations(self, thought: SearchInfo, number: int) -> list[Variation]:
        found = []
        for line in thought.lines[:number]:
            moves, end = self._in_moves(line.actions)
            plies = len(moves) if line.proven is not None and end == line.proven else None
            found.append(Variation(moves, line.value, line.proven, plies, line))
        return found

    def _report(self, task: SearchRequest, thought: SearchInfo) -> Report:
        used = 1.0 if thought.full else min(1.0, thought.visits / self._room)
        variations = self._variations(thought, int(self.settings["multi_pv"]))
        return Report(variations, thought, time.perf_counter() - task.began, used)


def room(game: Game, config: SearchConfig, megabytes: int) -> int:
    """How many nodes of a search tree fit into so much memory."""
    edges = min(game.max_legal_actions, config.edges_per_node)
    edge = tree.EDGE.itemsize + 4 + 4  # and its action, and descents on their way along it
    node = tree.NODE.itemsize + game.state_dtype.itemsize + 4 + 4 + edges * edge  # and what it takes to move the root
    nodes = min(megabytes * 2**20 // node, (2**31 - 1) // edges - 4)  # trees have 32-bit indices
    return max(nodes, game.max_legal_actions + 4)


def _restricted(game: Game, root: np.ndarray, allowed: Sequence[int]) -> Game:
    """The game, but for the position `root` [1], in which only `allowed` actions are legal."""
    key, fewer = game.key(root)[0], copy.copy(game)

    def legal_actions(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actions, count = game.legal_actions(states)
        for row in np.flatnonzero(game.key(states) == key):
            actions[row] = -1
            actions[row, : len(allowed)] = allowed
            count[row] = len(allowed)
        return actions, count

    fewer.legal_actions = legal_actions  # type: ignore[method-assign]
    return fewer
