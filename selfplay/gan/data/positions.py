"""Board positions of a self-play run as a data set of images, and the judge of fakes: which boards can occur in a game.

A position is two planes, the stones of the player who moved first and of the other. The data are the distinct
positions in the run's replay, which is only read. The rules decide exactly which boards can occur, so fakes are
judged without a network. Knows replays and what a game says of its boards, not the rules of any game.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import games
from games import base
from games.knowledge import Knowledge
from selfplay.datasets import files
from selfplay.errors import CheckpointError
from selfplay.storage import artifact, bounded

JUDGED = 3_000  # samples, so that a share of 97 % has a standard error of 0.3 %
HELD_OUT = 10  # one position in this many is held out, the same ones in every run
DAMAGE = (ValueError, KeyError, TypeError, AttributeError)  # raised by a state of another format


@dataclass(frozen=True, eq=False)
class Positions:
    """N distinct positions of one game. Samples are [n, 2, R, C] float32: 1 a stone, −1 none; no labels."""

    name: str
    game: base.Game
    stones: np.ndarray  # [N, R, C] int8: 0 empty, +1 the player who moved first, −1 the other

    num_classes = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, *self.stones.shape[1:])

    @property
    def digest(self) -> str:
        """SHA-256 of game, version and positions: equal for equal sets, on any machine."""
        total = hashlib.sha256(repr((self.game.name, self.game.version, self.stones.shape)).encode())
        total.update(np.ascontiguousarray(self.stones).tobytes())
        return total.hexdigest()

    def everything(self) -> tuple[np.ndarray, None]:
        """(x [N, 2, R, C] float32, None), in order: for measurements."""
        return encode(self.stones), None

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, None]:
        """(x [n, 2, R, C] float32, None), drawn uniformly."""
        return encode(self.stones[rng.integers(len(self.stones), size=n)]), None

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(_names(self.stones))

    @cached_property
    def _fullness(self) -> np.ndarray:
        return _fullness(self.stones)

    def measure(self, x: np.ndarray) -> dict[str, float]:
        """Shares of the boards that x [n, 2, R, C], n ≥ 1, decodes to, in [0, 1]:

        legal: can occur in a game; new: legal and not among these positions; unique: distinct boards over n; known:
        among these positions; stones: similarity of the distribution of the number of stones to that of these
        positions, 1 − total variation; and each fault that the game finds, under its name. Legality alone is not
        enough: known boards, one board repeated, and most boards of two stones are legal.
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
    """Judges fakes by `Positions.measure` of 3,000 samples; real_stones is the value of as many held-out reals."""

    def __init__(self, train: Positions, held_out: Positions) -> None:
        self.train, self.held_out = train, held_out

    def metrics(
        self, draw: Callable[[int], tuple[np.ndarray, np.ndarray | None]], rng: np.random.Generator
    ) -> dict[str, float]:
        """draw: n → (x [n, 2, R, C] float32, anything)."""
        found = self.train.measure(draw(JUDGED)[0])
        return found | {"real_stones": self.train.measure(self.held_out.sample(JUDGED, rng)[0])["stones"]}

    def features(self, x: np.ndarray) -> np.ndarray:
        """[n, 2·R·C]: the planes of x [n, 2, R, C], flattened; one stone of difference is a distance of 2."""
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
    """The positions in the replay of the run in folder `path`: nine in ten of them, or the tenth that is held out.

    Whether a position is held out depends on it and its mirror images alone, so that no position is in both parts, not
    even of different runs. Terminal positions are excluded, as replays hold none. Raises DataError for a folder that is
    not a run, a run without experience, damaged files, and games without a legality check of boards.
    """
    path = Path(path)
    identity, shards, window = _experience(path)
    game = _game(path, identity)
    if any(shard.dtype != game.state_dtype for shard in shards):
        raise files.DataError(f"'{path}' holds positions of another version of {game.name}: train a new run.")
    states = np.concatenate(shards).astype(game.state_dtype)[
        -window:
    ]  # concatenated records lose the padding between fields
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
    """[N] bool: by the smallest key of a position's symmetric images, hashed again since a minimum is not uniform."""
    keys = [
        game.key(game.symmetric_states(states, np.full(len(states), number))) for number in range(game.num_symmetries)
    ]
    held: np.ndarray = base.mix64(np.min(keys, axis=0)) % np.uint64(HELD_OUT) == 0
    return held


def _game(path: Path, identity: Mapping[str, Any]) -> base.Game:
    name = identity.get("game")
    if name is None:
        raise files.DataError(
            f"'{path}' is a run of family {identity.get('family', '?')}, which has no positions: name a board-game run."
        )
    try:
        game = games.make(name, **identity.get("game_options", {}))
    except ValueError as error:
        raise files.DataError(f"'{path}' is a run of a game that is not installed: {error}") from None
    knowledge = games.facet(game, Knowledge)
    stones = knowledge.stones(game.initial_states(1))
    if stones is None or knowledge.faults(stones) is None:
        raise files.DataError(
            f"{game.name} has no legality check of boards: use a run of a game that has one, such as connect-four."
        )
    return game


def _experience(path: Path) -> tuple[dict[str, Any], list[np.ndarray], int]:
    """(identity of the agent, positions of each file of rows, size of the window) of the newest training state that can
    be read. Only reads."""
    numbers = sorted(int(state.name) for state in (path / "state").glob("[0-9]*") if state.name.isdigit())
    if not numbers:
        raise files.DataError(
            f"'{path}' is not a run with experience: train one first (`selfplay train connect-four`), or name another "
            "with --set data.path=RUN."
        )
    problem = ""
    for number in reversed(numbers):
        try:
            state = bounded.parse_json(artifact.read(path / "state" / f"{number:06d}")[1]["state.json"])
            shards = [_shard(path / "replay" / Path(shard["file"]).name, shard["sha256"]) for shard in state["shards"]]
            identity, window = state["identity"], state["window"]
        except CheckpointError as error:
            problem = problem or str(error)
        except DAMAGE as error:
            problem = problem or f"State {number} has a format that this version cannot read ({type(error).__name__})."
        else:
            if not window:
                raise files.DataError(f"The replay of '{path}' is empty: train the run first.")
            return identity, shards, window
    raise files.DataError(f"No experience of '{path}' can be used. {problem}")


def _shard(path: Path, digest: str) -> np.ndarray:
    """The positions in one file of rows. Raises CheckpointError for a damaged file and for rows without positions."""
    try:
        data = bounded.read(path)
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
    """[R·C + 1] float64: shares of the boards [N, R, C] with 0 to R·C stones."""
    numbers = np.count_nonzero(stones, axis=(1, 2))
    return np.bincount(numbers, minlength=stones[0].size + 1) / len(stones)


def _names(stones: np.ndarray) -> list[bytes]:
    """A key for each of the boards [N, R, C], equal for equal boards."""
    return [board.tobytes() for board in stones]
