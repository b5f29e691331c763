"""The player of an external engine: tells the engine the games, asks it for moves, and restarts it when it dies.

Knows neither the game, which comes with an `EngineNotation`, nor the protocol, which is a `protocols.Language`.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from games.base import Game, IllegalMove
from games.text import whole_moves
from selfplay.errors import EngineError, shorten
from selfplay.players.external import engine_process, protocols
from selfplay.players.external.engine_process import Answer, Client, Died
from selfplay.players.external.engine_spec import Spec
from selfplay.players.external.protocols import Language, Question
from selfplay.players.player import Choice, Turn

MAX_KEPT = 4096  # games and jumps that are remembered
_OWN = {  # settings that are ours and not the engine's
    "UCI": ("nodes", "depth", "movetime", "processes", "timeout", "newgame"),
    "Hub": ("nodes", "depth", "move-time", "processes", "timeout", "newgame"),
}


class EngineNotation(NamedTuple):
    """How a game is written for an engine."""

    settings: Callable[[Client, Path], dict[str, str]]  # that make it play the game; may write files for it to read
    usual: bytes  # the start that is not written out, if any
    position: Callable[[np.void], str]
    write: Callable[[np.void, Sequence[int]], str]  # a whole move
    read: Callable[[np.void, str], list[int]]


class _Told(NamedTuple):
    """A game in progress as it is sent to an engine."""

    moves: list[str]
    before: np.ndarray  # [1] state_dtype, after these moves
    now: np.ndarray  # [1] state_dtype
    begun: list[int]  # actions of a move that is not at its end


class _Asked(NamedTuple):
    """A position to be searched."""

    row: int  # in the turn
    game: object  # the same for all positions of one game
    key: tuple[bytes, tuple[int, ...]]
    told: _Told


class ExternalEnginePlayer:
    """A `player.Player` whose moves an external engine chooses. Close it after use."""

    def __init__(
        self, game: Game, spec: Spec, language: Language, notation: EngineNotation,
        remake: Callable[[Game, str], ExternalEnginePlayer],
    ) -> None:  # fmt: skip
        """Starts the engine. remake: makes an equal player from the game and the spec's text, where this one is
        unpickled. Raises EngineError, or ConfigError for an option that the engine does not have."""
        self._remake = remake
        self.game, self.name, self.spec = game, spec.text, spec
        self.language, self.notation = language, notation
        self.asked = self.restarts = self.illegal_moves = 0
        self._restarted_in: list[object] = []  # games
        self._told: dict[tuple[bytes, tuple[int, ...]], _Told] = {}
        self._plans: dict[tuple[bytes, tuple[int, ...]], tuple[int, float]] = {}  # the rest of whole moves
        self.clients: list[Client] = []
        self._idle: list[Client] = []
        self._idle.append(self._start())

    def choose(self, turn: Turn) -> Choice:
        """See `Player`. Raises EngineError."""
        actions, values = np.empty(len(turn.states), np.int64), np.full(len(turn.states), np.nan, np.float32)
        asked = []
        for row, (start, played, rng) in enumerate(zip(turn.starts, turn.actions, turn.rngs, strict=True)):
            key = (start.tobytes(), tuple(played))
            if key in self._plans:
                actions[row], values[row] = self._plans.pop(key)
            else:
                asked.append(_Asked(row, rng, key, self.tell(key, start)))
        try:
            for one, answer in self._answers(asked):
                values[one.row] = np.nan if answer.value is None else answer.value
                actions[one.row] = self._action(one, answer.move, float(values[one.row]))
        except BaseException:  # an engine that was asked and not heard would answer the next question with this answer
            self.close()
            raise
        return Choice(actions, values)

    def __reduce__(self) -> tuple[Callable[[Game, str], ExternalEnginePlayer], tuple[Game, str]]:
        return self._remake, (self.game, self.spec.text)

    def close(self) -> None:
        """Ends the engine's processes; they start again if the player is asked again."""
        for client in self.clients:
            client.close()
        self.clients, self._idle = [], []

    def tell(self, key: tuple[bytes, tuple[int, ...]], start: np.void) -> _Told:
        """The game in the engine's notation, continued from what was told at the game's last move."""
        start_bytes, played = key
        begun = next((n for n in range(len(played), -1, -1) if (start_bytes, played[:n]) in self._told), None)
        if begun is None:
            states = np.array([start], dtype=self.game.state_dtype)
            told, begun = _Told([], states, states, []), 0
        else:
            told = self._told.pop((start_bytes, played[:begun]))
        moves, before, now, pending = list(told.moves), told.before, told.now, list(told.begun)
        for move in whole_moves.split(self.game, before, [*pending, *played[begun:]]):
            now = move.after
            if move.complete:
                moves.append(self.notation.write(move.before[0], move.actions))
            before, pending = (now, []) if move.complete else (move.before, list(move.actions))
        told = self._told[key] = _Told(moves, before, now, pending)
        if len(self._told) > MAX_KEPT:
            del self._told[next(iter(self._told))]
        return told

    def _answers(self, asked: list[_Asked]) -> Iterator[tuple[_Asked, Answer]]:
        """Answers as they come. An engine that dies is started anew, once a game."""
        waiting, busy = deque(asked), dict[Client, _Asked]()
        while waiting or busy:
            while waiting and len(busy) < self.spec.processes:
                client = self._idle.pop() if self._idle else self._start()
                one = busy[client] = waiting.popleft()
                try:
                    if self.spec.new_game:
                        client.forget()
                    client.begin(self._question(one), self.spec.limits, self.spec.seconds)
                except Died as error:
                    waiting.appendleft(self._after_death(client, busy.pop(client), error))
            engine_process.wait_for_any(list(busy))
            for client, one in list(busy.items()):
                try:
                    answer = client.answer()
                except Died as error:
                    waiting.appendleft(self._after_death(client, busy.pop(client), error))
                    continue
                if answer is not None:
                    self.asked += 1
                    self._idle.append(client)
                    del busy[client]
                    yield one, answer

    def _question(self, one: _Asked) -> Question:
        start = np.frombuffer(one.key[0], dtype=self.game.state_dtype)[0]
        usual = one.key[0] == self.notation.usual
        return Question("" if usual else self.notation.position(start), one.told.moves)

    def _after_death(self, client: Client, one: _Asked, error: Died) -> _Asked:
        """What a dead engine was asked, to be asked again. Raises EngineError for the second death in a game."""
        client.kill()
        self.clients.remove(client)
        self.restarts += 1
        if any(one.game is game for game in self._restarted_in):
            where = self.notation.position(one.told.before[0])
            raise EngineError(f"{error} It had been started anew in this game before. The position: {where}")
        self._restarted_in.append(one.game)
        return one

    def _action(self, one: _Asked, move: str, value: float) -> int:
        """The legal action of an answer. What follows it in a move of several is kept for the next turns.

        An engine cannot be asked in the middle of a move that others began (as random openings may). If what it would
        have played does not begin like that, the first legal action is taken."""
        told, start, played = one.told, *one.key
        try:
            actions = self.notation.read(told.before[0], move)
        except IllegalMove:
            self.illegal_moves += 1
            where = self.notation.position(told.before[0])
            raise EngineError(
                f"the engine '{self.name}' answered '{shorten(move)}' (answer {self.asked:,}), which is not legal"
                f" in the position {where}"
            ) from None
        if actions[: len(told.begun)] != told.begun:
            return int(self.game.legal_actions(told.now)[0][0, 0])
        rest = actions[len(told.begun) :]
        if len(self._plans) > MAX_KEPT:
            self._plans.clear()
        for k in range(1, len(rest)):
            self._plans[start, (*played, *rest[:k])] = (rest[k], value)
        return rest[0]

    def _start(self) -> Client:
        client = Client(self.spec.command, self.language)
        self.clients.append(client)
        try:
            with tempfile.TemporaryDirectory(prefix="selfplay-") as folder:
                client.configure(self.notation.settings(client, Path(folder)) | self._settings(client))
        except BaseException:
            self.close()
            raise
        return client

    def _settings(self, client: Client) -> dict[str, str]:
        """The options to be set, by the engine's names for them. Raises ConfigError."""
        given = {}
        for name, value in self.spec.settings.items():
            option = protocols.find(client.options, name, _OWN[self.language.name], client.name)
            given[option.name] = option.read(value, client.name)
        announced = {option.name for option in client.options}
        if "UCI_Elo" in given and "UCI_LimitStrength" in announced:
            given.setdefault("UCI_LimitStrength", "true")
        if "UCI_ShowWDL" in announced:
            given.setdefault("UCI_ShowWDL", "true")
        return given
