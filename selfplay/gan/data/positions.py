"""Board positions of a self-play run as images, and how much of what imitates them could come up in a game.

A position is stones of two players, one plane each: of the player who began, and of the other. The data are the
positions in the run's replay, each once; they are read only. The rules say exactly which boards can arise, so that the
quality of fakes needs no network to judge it. What a game's rules are, the game knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import games
from games import base
from games.knowledge import Knowledge
from selfplay.errors import CheckpointError
from selfplay.gan.data import files
from selfplay.storage import artifact

JUDGED = 3_000  # samples, so that a share of 97 % has a standard error of 0.3 %
HELD_OUT = 10  # one in so many positions is held out, whatever the run
DAMAGE = (ValueError, KeyError, TypeError, AttributeError)  # what a state of another shape raises


@dataclass(frozen=True, eq=False)
class Positions:
    """N different positions of one game. Samples are [n, 2, R, C] float32: 1 a stone, −1 none; no labels."""

    name: str
    game: base.Game
    stones: np.ndarray  # [N, R, C] int8: 0 empty, +1 the player who began, −1 the other

    num_classes = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, *self.stones.shape[1:])

    @property
    def digest(self) -> str:
        """SHA-256 of game, version and positions: two sets of one digest are the same, on any machine."""
        total = hashlib.sha256(repr((self.game.name, self.game.version, self.stones.shape)).encode())
        total.update(np.ascontiguousarray(self.stones).tobytes())
        return total.hexdigest()

    def everything(self) -> tuple[np.ndarray, None]:
        """(x [N, 2, R, C] float32, None), in order: for measurements."""
        return encode(self.stones), None

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, None]:
        """(x [n, 2, R, C] float32, None): each position as likely as any other."""
        return encode(self.stones[rng.integers(len(self.stones), size=n)]), None

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(_names(self.stones))

    @cached_property
    def _fullness(self) -> np.ndarray:
        return _fullness(self.stones)

    def measure(self, x: np.ndarray) -> dict[str, float]:
        """Shares of x [n, 2, R, C], n ≥ 1, in [0, 1], once read as boards:

        legal: could come up in a game; new: those of them that are not among these positions; unique: different boards
        among the n; known: among these positions; stones: how far their numbers of stones are spread as those of these
        positions are, 1 − total variation; and under its name, each fault that the game finds. Legal boards alone prove
        nothing: known boards are legal, one board drawn again and again is, and so are most boards of two stones.
        """
        stones = decode(x)
        faults, names = games.facet(self.game, Knowledge).faults(stones), _names(stones)
        assert faults is not None
        copied = np.array([name in self._names for name in names])
        shares = {
            "legal": np.mean(faults == ""),
            "new": np.mean((faults == "") & ~copied),
            "unique": len(set(names)) / len(names),
            "known": np.mean(copied),
            "stones": np.minimum(_fullness(stones), self._fullness).sum(),
        }
        shares |= {str(fault).replace(" ", "_"): np.mean(faults == fault) for fault in np.unique(faults) if fault}
        return {name: float(share) for name, share in shares.items()}


class PositionJudge:
    """Judges fakes by `Positions.measure` of 3,000 samples; real_stones is what as many held-out reals have there."""

    def __init__(self, train: Positions, held_out: Positions) -> None:
        self.train, self.held_out = train, held_out

    def metrics(
        self, draw: Callable[[int], tuple[np.ndarray, np.ndarray | None]], rng: np.random.Generator
    ) -> dict[str, float]:
        """draw: n → (x [n, 2, R, C] float32, anything)."""
        found = self.train.measure(draw(JUDGED)[0])
        return found | {"real_stones": self.train.measure(self.held_out.sample(JUDGED, rng)[0])["stones"]}

    def features(self, x: np.ndarray) -> np.ndarray:
        """[n, 2·R·C]: the planes of x [n, 2, R, C]; a stone more or less is a distance of 2."""
        return x.reshape(len(x), -1)


def encode(stones: np.ndarray) -> np.ndarray:
    """[n, 2, R, C] float32: planes of the first and the second player's stones [n, R, C], 1 a stone, −1 none."""
    planes = np.stack([stones == 1, stones == -1], axis=1)
    return np.where(planes, np.float32(1), np.float32(-1))


def decode(x: np.ndarray) -> np.ndarray:
    """[n, R, C] int8 stones: on each cell the larger of empty (0), first and second plane of x [n, 2, R, C]; empty
    where they are equal."""
    scores = np.stack([np.zeros_like(x[:, 0]), x[:, 0], x[:, 1]], axis=1)
    stones: np.ndarray = np.array([0, 1, -1], dtype=np.int8)[scores.argmax(axis=1)]
    return stones


def from_run(path: Path, held_out: bool = False) -> Positions:
    """The positions in the replay of the run in the folder `path`: nine in ten of them, or those held out.

    What is held out follows from the position alone, the same for its mirror images: no position is in both parts, in
    no run. Unfinished positions only, as replays hold no others. Raises DataError for what is not a run, a run without
    experience, damaged files, and games that cannot tell which boards may arise.
    """
    path = Path(path)
    identity, shards, window = _experience(path)
    game = _game(path, identity)
    if any(shard.dtype != game.state_dtype for shard in shards):
        raise files.DataError(f"'{path}' holds positions of another version of {game.name}: train it anew.")
    states = np.concatenate(shards).astype(game.state_dtype)[-window:]  # joined, records lose the room between fields
    states = states[np.unique(game.key(states), return_index=True)[1]]
    kept = states[_is_held_out(game, states) == held_out]
    if not len(kept):
        part = "held out" if held_out else "for training"
        raise files.DataError(
            f"Of the {len(states)} positions in the replay of '{path}', none are {part}: train the run longer."
        )
    stones = games.facet(game, Knowledge).stones(kept)
    assert stones is not None
    return Positions(f"{game.name}-positions" + ("-held-out" if held_out else ""), game, stones)


def _is_held_out(game: base.Game, states: np.ndarray) -> np.ndarray:
    """[N] bool: by the smallest key among a position's mirror images, mixed anew since a minimum is not even."""
    keys = [
        game.key(game.symmetric_states(states, np.full(len(states), number))) for number in range(game.num_symmetries)
    ]
    held: np.ndarray = base.mix64(np.min(keys, axis=0)) % np.uint64(HELD_OUT) == 0
    return held


def _game(path: Path, identity: Mapping[str, Any]) -> base.Game:
    name = identity.get("game")
    if name is None:
        raise files.DataError(f"'{path}' is a run of {identity.get('family', 'another kind')}: it has no positions.")
    try:
        game = games.make(name, **identity.get("game_options", {}))
    except ValueError as error:
        raise files.DataError(f"'{path}' is a run of a game that is not here: {error}") from None
    knowledge = games.facet(game, Knowledge)
    stones = knowledge.stones(game.initial_states(1))
    if stones is None or knowledge.faults(stones) is None:
        raise files.DataError(
            f"{game.name} cannot tell which boards may come up in a game: use a run of a game that can, connect-four."
        )
    return game


def _experience(path: Path) -> tuple[dict[str, Any], list[np.ndarray], int]:
    """(identity of the agent, positions by file of rows, how many of the last are in the window) of the newest training
    state that can be read. Changes nothing there."""
    numbers = sorted(int(state.name) for state in (path / "state").glob("[0-9]*") if state.name.isdigit())
    if not numbers:
        raise files.DataError(
            f"'{path}' is no run with experience: train one first (`selfplay train connect-four`), or name another "
            "with --set data.path=RUN."
        )
    problem = ""
    for number in reversed(numbers):
        try:
            state = json.loads(artifact.read(path / "state" / f"{number:06d}")[1]["state.json"])
            shards = [_shard(path / "replay" / Path(shard["file"]).name, shard["sha256"]) for shard in state["shards"]]
            identity, window = state["identity"], state["window"]
        except CheckpointError as error:
            problem = problem or str(error)
        except DAMAGE as error:
            problem = problem or f"state {number} is not one this version reads ({type(error).__name__})."
        else:
            if not window:
                raise files.DataError(f"The replay of '{path}' is empty: train the run first.")
            return identity, shards, window
    raise files.DataError(f"No experience of '{path}' can be used. {problem}")


def _shard(path: Path, digest: str) -> np.ndarray:
    """The positions in one file of rows. Raises CheckpointError, also for rows that hold none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from None
    if artifact.digest(data) != digest:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one written.")
    rows = artifact.unpack_array(data, str(path))
    if "state" not in (rows.dtype.names or ()):
        raise CheckpointError(f"{path} holds rows without positions.")
    states: np.ndarray = rows["state"].copy()
    return states


def _fullness(stones: np.ndarray) -> np.ndarray:
    """[R·C + 1] float64: shares of boards [N, R, C] by number of stones, 0 to R·C."""
    numbers = np.count_nonzero(stones, axis=(1, 2))
    return np.bincount(numbers, minlength=stones[0].size + 1) / len(stones)


def _names(stones: np.ndarray) -> list[bytes]:
    """A name for each of the boards [N, R, C], equal for equal boards."""
    return [board.tobytes() for board in stones]
