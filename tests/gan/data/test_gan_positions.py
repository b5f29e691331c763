"""Board positions of a run as a data set: reading, splitting, and metrics of boards that imitate them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from facets import knowledge_of, notation_of

import games
from selfplay.datasets.files import DataError
from selfplay.gan.data import positions
from selfplay.learning.config import ReplayConfig
from selfplay.learning.replay import Replay
from selfplay.loop.folder import Folder

GAME = games.make("connect-four")
IDENTITY = {"family": "alphazero", "game": "connect-four", "game_options": {}}


def random_states(number: int, seed: int) -> np.ndarray:
    """[M] positions before the end of `number` random games, game by game of one ply after another."""
    states, rng, found = GAME.initial_states(number), np.random.default_rng(seed), []
    while len(states):
        found.append(states)
        actions, count = GAME.legal_actions(states)
        states = GAME.step(states, actions[np.arange(len(states)), rng.integers(count)]).states
        states = states[~states["terminal"]]
    return np.concatenate(found).astype(GAME.state_dtype)


def write_run(
    path: Path, *parts: np.ndarray, identity: dict[str, Any] = IDENTITY, game: Any = GAME, window: int = 10_000
) -> Path:
    """A run's folder with one state saved after each part of positions, as the loop saves them."""
    replay = Replay(np.dtype([("state", game.state_dtype), ("ply", "i2")]), ReplayConfig(window_min=window))
    with Folder(path) as folder:
        for generation, states in enumerate(parts):
            rows = np.zeros(len(states), dtype=[("state", game.state_dtype), ("ply", "i2")])
            rows["state"] = states
            replay.insert(rows)
            folder.save_state(replay, {}, {"generation": generation, "identity": identity}, None)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run") / "c4", random_states(60, 1), random_states(60, 2))


def drop(moves: str) -> np.ndarray:
    """[6, 7] the board after the moves."""
    board: np.ndarray = knowledge_of(GAME).stones(notation_of(GAME).state_after(moves))[0]
    return board


def names(some: positions.Positions) -> set[bytes]:
    return {board.tobytes() for board in some.stones}


def test_the_data_are_the_positions_of_the_replay_each_once(run: Path) -> None:
    states = np.concatenate([random_states(60, 1), random_states(60, 2)])
    wanted = {board.tobytes() for board in knowledge_of(GAME).stones(states.astype(GAME.state_dtype))}
    train, held_out = positions.from_run(run), positions.from_run(run, held_out=True)
    assert len(train.stones) + len(held_out.stones) == len(wanted) < len(states)
    assert names(train) | names(held_out) == wanted


def test_no_position_is_in_both_parts_nor_mirrored_in_the_other(run: Path) -> None:
    train, held_out = positions.from_run(run), positions.from_run(run, held_out=True)
    mirrored = {np.ascontiguousarray(board[:, ::-1]).tobytes() for board in held_out.stones}
    assert not names(train) & (names(held_out) | mirrored)
    assert 0.05 < len(held_out.stones) / (len(train.stones) + len(held_out.stones)) < 0.15


def test_a_position_is_held_out_in_every_run_or_in_none(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", random_states(60, 2), random_states(60, 3))
    assert not names(positions.from_run(run)) & names(positions.from_run(other, held_out=True))
    assert names(positions.from_run(run)) & names(positions.from_run(other))


def test_the_digest_is_of_the_positions_and_of_no_order(run: Path, tmp_path: Path) -> None:
    again = write_run(tmp_path / "again", random_states(60, 2)[::-1], random_states(60, 1))
    other = write_run(tmp_path / "other", random_states(60, 2))
    assert positions.from_run(again).digest == positions.from_run(run).digest
    assert positions.from_run(other).digest != positions.from_run(run).digest
    assert positions.from_run(run, held_out=True).digest != positions.from_run(run).digest


def test_reading_a_run_changes_nothing_in_it(run: Path) -> None:
    def held() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")}

    before = held()
    positions.from_run(run)
    assert held() == before


def test_only_the_window_counts(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", random_states(60, 1)[:500], random_states(60, 2)[:800], window=600)
    found = names(positions.from_run(path)) | names(positions.from_run(path, held_out=True))
    # Half of the 1,300 rows are in it.
    assert found == {board.tobytes() for board in knowledge_of(GAME).stones(random_states(60, 2)[150:800])}


def test_planes_are_of_who_began_and_of_the_other(run: Path) -> None:
    # After 1. 4 2. 4 the first player's stone is at the bottom, the second one's on it, whoever is to move.
    x = positions.encode(drop("44")[None])
    assert x.shape == (1, 2, 6, 7) and x.dtype == np.float32
    assert x[0, 0, 5, 3] == 1 and x[0, 1, 4, 3] == 1 and np.count_nonzero(x == 1) == 2
    assert np.count_nonzero(x == -1) == 82


def test_decoding_undoes_encoding_and_takes_the_larger_plane(run: Path) -> None:
    stones = positions.from_run(run).stones
    assert (positions.decode(positions.encode(stones)) == stones).all()
    blurred = positions.encode(stones) * np.float32(0.1) + np.float32(0.05)
    assert (positions.decode(blurred) == stones).all()
    # One cell: neither plane above 0 is empty; then the larger one wins.
    cells = np.array([[-0.2, -0.1], [0.0, 0.0], [0.1, 0.3], [0.3, 0.1], [-0.9, 0.01]], dtype=np.float32)
    assert positions.decode(cells[:, :, None, None]).ravel().tolist() == [0, 0, -1, 1, -1]


def test_samples_are_positions_of_the_set_all_equally_likely(run: Path) -> None:
    train = positions.from_run(run)
    x, labels = train.sample(20 * len(train.stones), np.random.default_rng(0))
    assert labels is None and x.shape == (20 * len(train.stones), *train.shape) and set(np.unique(x)) == {-1.0, 1.0}
    order = {board.tobytes(): i for i, board in enumerate(train.stones)}
    counts = np.bincount([order[board.tobytes()] for board in positions.decode(x)], minlength=len(order))
    # Poisson(20): all between 20 ± 6 standard deviations; their variance is their mean.
    assert counts.min() > 0 and counts.max() < 47 and 17 < counts.var() < 23


def test_real_positions_are_all_legal_and_those_held_out_all_new(run: Path) -> None:
    train, held_out = positions.from_run(run), positions.from_run(run, held_out=True)
    of_train = {"legal": 1.0, "new": 0.0, "unique": 1.0, "known": 1.0, "stones": pytest.approx(1.0)}
    assert train.measure(train.everything()[0]) == of_train
    found = train.measure(held_out.everything()[0])
    assert 0.8 < found.pop("stones") < 1
    assert found == {"legal": 1.0, "new": 1.0, "unique": 1.0, "known": 0.0}


def test_faults_copies_and_repeats_are_counted_by_name(run: Path) -> None:
    train, held_out = positions.from_run(run), positions.from_run(run, held_out=True)
    floating, alone = np.zeros((2, 6, 7), dtype=np.int8)
    floating[0, 3], alone[5, 3] = 1, -1
    x = positions.encode(np.stack([train.stones[0], held_out.stones[0], held_out.stones[0], floating, alone]))
    found = train.measure(x)
    del found["stones"]
    assert found == {
        "legal": 0.6, "new": 0.4, "unique": 0.8, "known": 0.2, "floating_stone": 0.2, "wrong_counts": 0.2,
    }  # fmt: skip


def test_boards_of_few_stones_only_are_seen_to_be_that(run: Path) -> None:
    train = positions.from_run(run)
    few = train.stones[np.count_nonzero(train.stones, axis=(1, 2)) <= 5]
    share = len(few) / len(train.stones)
    found = train.measure(positions.encode(few))
    # All legal; of the numbers of stones, only their own share is as it should be.
    assert found["legal"] == 1 and found["stones"] == pytest.approx(share) and share < 0.3


def test_a_judge_asks_for_samples_and_says_what_reals_would_have(run: Path) -> None:
    train, held_out = positions.from_run(run), positions.from_run(run, held_out=True)
    judge, rng = positions.PositionJudge(train, held_out), np.random.default_rng(1)
    asked: list[int] = []

    def draw(n: int) -> tuple[np.ndarray, None]:
        asked.append(n)
        return train.sample(n, rng)

    found = judge.metrics(draw, rng)
    assert asked == [positions.JUDGED] and found["legal"] == 1 and found["known"] == 1
    assert found["stones"] > found["real_stones"] > 0.7
    one, two = judge.features(positions.encode(np.stack([np.zeros_like(train.stones[0]), drop("4")])))
    assert np.linalg.norm(one - two) == 2


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a run with experience: train one first"):
        positions.from_run(tmp_path / "nowhere")


def test_a_run_without_games_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "gan", random_states(2, 1), identity={"family": "gan"})
    with pytest.raises(DataError, match="is a run of family gan, which has no positions"):
        positions.from_run(path)


def test_a_game_that_cannot_tell_legal_boards_is_refused(tmp_path: Path) -> None:
    chess = games.make("chess")
    identity = {"family": "alphazero", "game": "chess", "game_options": {}}
    path = write_run(tmp_path / "chess", chess.initial_states(3), identity=identity, game=chess)
    with pytest.raises(DataError, match="chess has no legality check of boards"):
        positions.from_run(path)


def test_a_game_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", random_states(2, 1), identity=IDENTITY | {"game": "connect-fore"})
    with pytest.raises(DataError, match=r"a game that is not installed.*Did you mean 'connect-four'"):
        positions.from_run(path)


def test_an_empty_replay_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", GAME.initial_states(0))
    with pytest.raises(DataError, match=r"The replay of .* is empty: train the run first"):
        positions.from_run(path)


def test_too_few_positions_for_both_parts_are_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", GAME.initial_states(3))
    part = bool(positions._is_held_out(GAME, GAME.initial_states(1))[0])
    assert len(positions.from_run(path, held_out=part).stones) == 1
    with pytest.raises(DataError, match=r"Of the 1 positions .* none are"):
        positions.from_run(path, held_out=not part)


def test_a_damaged_file_of_rows_is_passed_over_for_the_state_before(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", random_states(60, 1), random_states(60, 2))
    oldest, newest = sorted((path / "replay").iterdir(), key=lambda file: int(file.name.partition("-")[0]))
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    first = {board.tobytes() for board in knowledge_of(GAME).stones(random_states(60, 1))}
    assert names(positions.from_run(path)) < first
    oldest.unlink()
    with pytest.raises(DataError, match=r"No experience of .* can be used\. .*cannot be read"):
        positions.from_run(path)
