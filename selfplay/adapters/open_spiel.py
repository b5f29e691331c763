"""OpenSpiel's games as games of ours: deterministic, of perfect information, for two players who move in turn.

A position is the list of actions that lead there: OpenSpiel's own states are kept by that list, and rebuilt from it
where they are not kept. Each position costs a few calls into OpenSpiel, so training is far slower than with rules that
work on arrays (docs/add-a-game.md). Knows OpenSpiel and the contract of games, nothing of search or learning.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np

import games
from games import base
from games.knowledge import Knowledge, KnownResult
from games.notation import Notation
from selfplay import errors
from selfplay.errors import ArgumentError, UserError

PREFIX = "open_spiel:"
MAX_PLIES = 4096  # a position holds its whole game
RANDOM_GAMES = 5
KEPT = 200_000  # OpenSpiel states that are remembered
_NO_TOKEN = str.maketrans(dict.fromkeys(" \t\n{}[]*", "_"))  # characters that a game record takes for its own


class OpenSpielGame(base.Game):
    """One game of OpenSpiel; `make` gives it its constants."""

    spiel: ClassVar[Any]  # pyspiel.Game
    version = 1
    facets: ClassVar = {"knowledge": "selfplay.adapters.open_spiel:SpielKnowledge"}

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Any] = OrderedDict()  # pyspiel.State by actions so far; none is ever changed

    def __reduce__(self) -> tuple[Any, ...]:
        return make, (self.name,)

    def _state(self, record: np.void) -> Any:
        """OpenSpiel's state of a position, not to be changed."""
        played = record["actions"][: record["length"]]
        key = played.tobytes()
        if (state := self._kept.get(key)) is None:
            above = self._kept.get(played[:-1].tobytes()) if len(played) else None
            state = self.spiel.new_initial_state() if above is None else above.clone()
            for action in played.tolist() if above is None else played[-1:].tolist():
                state.apply_action(action)
            self._keep(key, state)
        return state

    def _keep(self, key: bytes, state: Any) -> None:
        self._kept[key] = state
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def initial_states(self, batch: int) -> np.ndarray:
        states = np.zeros(batch, dtype=self.state_dtype)
        states["to_play"] = self.spiel.new_initial_state().current_player()
        return states

    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        after = states.copy()
        reward, discount = np.zeros((2, len(states)), dtype=np.float32)
        for row in np.flatnonzero(~states["terminal"]):
            mover, length, action = int(states["to_play"][row]), int(states["length"][row]), int(actions[row])
            state = self._state(states[row]).clone()
            state.apply_action(action)
            after["actions"][row, length] = action
            after["length"][row] = length + 1
            self._keep(after["actions"][row, : length + 1].tobytes(), state)
            if state.is_terminal():
                after["to_play"][row], after["terminal"][row] = 1 - mover, True
                reward[row] = state.returns()[mover] / self.spiel.max_utility()
            else:
                after["to_play"][row] = state.current_player()
                discount[row] = 1 if after["to_play"][row] == mover else -1
        return base.Step(after, reward, discount)

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actions = np.full((len(states), self.max_legal_actions), -1, dtype=np.int32)
        count = np.zeros(len(states), dtype=np.int32)
        for row in np.flatnonzero(~states["terminal"]):
            legal = sorted(self._state(states[row]).legal_actions())
            actions[row, : len(legal)], count[row] = legal, len(legal)
        return actions, count

    def observe(self, states: np.ndarray) -> np.ndarray:
        """OpenSpiel's observation for the player to move, and a plane that says which player that is."""
        planes = np.empty((len(states), *self.observation_shape), dtype=np.float32)
        for row, record in enumerate(states):
            tensor = self._state(record).observation_tensor(int(record["to_play"]))
            planes[row, :-1] = np.reshape(tensor, planes[row, :-1].shape)
            planes[row, -1] = record["to_play"]
        if len(planes) and not 0 <= planes.min() <= planes.max() <= 1:
            raise ArgumentError(
                f"{self.name} observes numbers from {planes.min():g} to {planes.max():g}, and only games whose "
                "observations lie between 0 and 1 can be used here."
            )
        return planes

    def key(self, states: np.ndarray) -> np.ndarray:
        """Equal for positions that look, are observed and go on alike, whatever the moves that led there."""
        return np.array([self._key(record) for record in states], dtype=np.uint64)

    def _key(self, record: np.void) -> int:
        state, mover = self._state(record), int(record["to_play"])
        seen = np.asarray(state.observation_tensor(mover), dtype=np.float32).tobytes()
        said = f"{mover} {record['terminal']} {state.legal_actions()} {state}".encode()
        return int.from_bytes(hashlib.blake2b(said + seen, digest_size=8).digest(), "little") or 1

    def action_to_string(self, state: np.void, action: int) -> str:
        """OpenSpiel's text, without spaces; with the action's number where two legal actions have the same text."""
        here, mover = self._state(state), int(state["to_play"])
        texts = [here.action_to_string(mover, each).translate(_NO_TOKEN) for each in here.legal_actions()]
        text: str = here.action_to_string(mover, action).translate(_NO_TOKEN)
        return f"{text}#{action}" if texts.count(text) > 1 else text

    def to_string(self, state: np.void) -> str:
        lines = [line for line in str(self._state(state)).splitlines() if line.strip()]
        return "\n".join("".join(char if char.isprintable() else " " for char in line) for line in lines)


class SpielKnowledge(Knowledge):
    """What OpenSpiel itself says of the outcome of a few random games, so that `selfplay games check` can compare."""

    def __init__(self, game: OpenSpielGame) -> None:
        super().__init__(game)
        rng = np.random.default_rng(0)
        self.known_results = tuple(_random_game(game, rng) for _ in range(RANDOM_GAMES))


def _random_game(game: OpenSpielGame, rng: np.random.Generator) -> KnownResult:
    separator = games.facet(game, Notation).move_separator
    state, record, moves = game.spiel.new_initial_state(), game.initial_states(1), []
    while not state.is_terminal():
        action = int(rng.choice(state.legal_actions()))
        moves.append(game.action_to_string(record[0], action))
        state.apply_action(action)
        record = game.step(record, np.array([action])).states
    return KnownResult(separator.join(moves), 0.5 + 0.5 * float(np.sign(state.returns()[0])))


@cache
def make(name: str) -> OpenSpielGame:
    """The game that OpenSpiel knows by `name`, such as "hex(board_size=3)"; with or without "open_spiel:" before it.

    Raises UserError (a ValueError where the name is at fault) for a game that OpenSpiel does not have, or that is not
    deterministic, of perfect information, zero-sum, in turn and for two; and where OpenSpiel is not installed."""
    try:
        import pyspiel
    except ImportError:
        raise UserError("OpenSpiel is not installed: `pip install selfplay[openspiel]`.") from None
    text = name.removeprefix(PREFIX)
    short = text.partition("(")[0]
    known = pyspiel.registered_names()
    if short not in known:
        hint = errors.suggest(short, known)
        raise ArgumentError(f"OpenSpiel has no game called '{short}'.{hint} pyspiel.registered_names() lists them.")
    try:
        spiel = pyspiel.load_game(text)
    except pyspiel.SpielError as error:
        raise ArgumentError(f"OpenSpiel cannot make '{text}': {str(error).splitlines()[0]}.") from None
    if wrong := list(_unfit(spiel, pyspiel)):
        raise ArgumentError(f"'{text}' cannot be played here: {'; '.join(wrong)}.")
    own_name = PREFIX + str(spiel).removesuffix("()")
    return make(own_name) if name != own_name else _class_of(own_name, spiel)()


def _unfit(spiel: Any, pyspiel: Any) -> Sequence[str]:
    """What keeps a game from being one of ours, as parts of a sentence."""
    kind, wrong = spiel.get_type(), []
    if spiel.num_players() != 2:
        wrong.append(f"it has {spiel.num_players()} players, and two are needed")
    for value, wanted, problem in (
        (kind.dynamics, pyspiel.GameType.Dynamics.SEQUENTIAL, "its players move at the same time"),
        (kind.chance_mode, pyspiel.GameType.ChanceMode.DETERMINISTIC, "chance takes part in it"),
        (kind.information, pyspiel.GameType.Information.PERFECT_INFORMATION, "its players do not see everything"),
        (kind.utility, pyspiel.GameType.Utility.ZERO_SUM, "it is not zero-sum"),
        (kind.reward_model, pyspiel.GameType.RewardModel.TERMINAL, "it gives rewards before its end"),
        (kind.provides_observation_tensor, True, "it has no observation tensor"),
    ):
        if value != wanted:
            wrong.append(problem)
    if not wrong and not 0 <= (seen := _observed(spiel)).min() <= seen.max() <= 1:
        wrong.append(f"it observes numbers from {seen.min():g} to {seen.max():g}, and they must lie between 0 and 1")
    if spiel.max_game_length() > MAX_PLIES:
        wrong.append(f"its games have up to {spiel.max_game_length():,} plies, and {MAX_PLIES:,} is the limit")
    return wrong


def _observed(spiel: Any) -> np.ndarray:
    """All numbers that the players observe in one random game."""
    state, rng, seen = spiel.new_initial_state(), np.random.default_rng(0), []
    while not state.is_terminal():
        seen.append(state.observation_tensor(state.current_player()))
        state.apply_action(int(rng.choice(state.legal_actions())))
    return np.array(seen)


def _class_of(name: str, spiel: Any) -> type[OpenSpielGame]:
    """The class with the game's constants."""
    size, plies = spiel.num_distinct_actions(), spiel.max_game_length()
    shape = spiel.observation_tensor_shape()
    planes, rows, columns = (
        shape if len(shape) == 3 else (1, *shape) if len(shape) == 2 else (1, 1, int(np.prod(shape)))
    )
    fields = [("actions", "i2" if size < 2**15 else "i4", (plies,)), ("length", "i2"), ("to_play", "i1")]
    constants = {
        "spiel": spiel, "name": name, "num_actions": size, "max_legal_actions": size, "max_game_length": plies,
        "state_dtype": np.dtype([*fields, ("terminal", "?")]), "observation_shape": (planes + 1, rows, columns),
    }  # fmt: skip
    return type("OpenSpielGame", (OpenSpielGame,), constants)
