"""Matches of generators against critics: closed forms, variances, and ratings that recover true strengths."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from selfplay.datasets import dataset, image_sets
from selfplay.gan import match
from selfplay.gan.data import sources
from selfplay.ratings import elo, standings, tournament
from selfplay.ratings.tournament_folder import TournamentFolder

ROLES = ("generator", "discriminator")


class Line:
    """Points on a line, N(0, 1)."""

    name, shape, num_classes = "line", (1,), 0

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, None]:
        return rng.standard_normal((n, 1)).astype(np.float32), None


class Shifted:
    """A generator that misses by so much: N(−miss, 1). The critic D(x) = x sees it with an AUC of Φ(miss/√2)."""

    def __init__(self, miss: float) -> None:
        self.miss = miss

    def sample(
        self, n: int, rng: np.random.Generator, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        return rng.standard_normal((n, 1)) - self.miss, labels


class Blurred:
    """A critic that reads x through noise of its own, and then by some increasing function."""

    def __init__(self, noise: float = 0.0, seed: int = 0, transform: object = None) -> None:
        self.noise, self.rng, self.transform = noise, np.random.default_rng(seed), transform or (lambda score: score)

    def score(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        return self.transform(x[:, 0] + self.noise * self.rng.standard_normal(len(x)))  # type: ignore[operator]


def endless(dataset: dataset.Dataset | None = None) -> sources.DataSource:
    dataset = dataset or Line()
    return sources.DataSource(dataset, dataset, 1.0, None)  # type: ignore[arg-type]


def played(miss: float, seed: int, n: int = 400, critic: Blurred | None = None) -> match.ScoredMatch:
    rng = np.random.default_rng(seed)
    drawn = match.RealBlocks(endless(), n, 0).draw(0, rng)
    return match.play(Shifted(miss), critic or Blurred(), drawn, rng, n)


# One match


@pytest.mark.parametrize("miss", [-0.5, 0.0, 0.7, 1.5])
def test_the_score_is_the_closed_form_and_its_variance_that_of_repetition(miss: float) -> None:
    found = [played(miss, seed) for seed in range(300)]
    scores = np.array([one.score for one in found])
    expected, claimed = 1 - special.ndtr(miss / math.sqrt(2)), float(np.mean([one.variance for one in found]))
    assert scores.mean() == pytest.approx(expected, abs=4 * math.sqrt(claimed / 300))
    assert scores.var(ddof=1) == pytest.approx(claimed, rel=0.33), "4 standard errors of a variance of 300"
    games = np.mean([one.games for one in found])
    assert games == pytest.approx(expected * (1 - expected) / claimed, rel=0.1) and 400 < games < 1000


def test_an_increasing_function_of_the_scores_changes_nothing() -> None:
    plain = played(0.7, 5)
    for transform in (np.exp, np.tanh, lambda score: 1e3 * score - 7, lambda score: score**3):
        assert played(0.7, 5, critic=Blurred(transform=transform)) == pytest.approx(plain)
    assert played(0.7, 5, critic=Blurred(transform=np.negative)).score == pytest.approx(1 - plain.score)


def test_a_critic_that_knows_its_data_by_heart_is_found_out() -> None:
    everything = image_sets.Images("dots", np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1), None, 0)
    train = image_sets.Images("some", everything.pixels[::2], None, 0)
    held_out = image_sets.Images("others", everything.pixels[1::2], None, 0)
    source = sources.DataSource(train, held_out, 1.0, None)  # type: ignore[arg-type]
    known = {float(value) for value in train.everything()[0].ravel()}

    class Heart:
        def score(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
            return np.array([float(value) in known for value in x.ravel()], dtype=float)

    class Uniform:
        def sample(
            self, n: int, rng: np.random.Generator, labels: np.ndarray | None = None
        ) -> tuple[np.ndarray, np.ndarray | None]:
            return rng.uniform(-1, 1, (n, 1, 1, 1)), labels

    rng = np.random.default_rng(0)
    found = match.play(Uniform(), Heart(), match.RealBlocks(source, 100, 0).draw(0, rng), rng, 100)
    assert found.score == 0.5 and found.memorised == 0.5, "AUC 1 on what it learned from, ½ on the rest"


def test_blocks_of_a_finite_held_out_set_share_nothing_and_use_it_up() -> None:
    images = image_sets.Images("dots", np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1), np.arange(100) % 10, 10)
    source = sources.DataSource(images, images, 1.0, None)  # type: ignore[arg-type]
    reals, rng = match.RealBlocks(source, 1000, 3, blocks=4), np.random.default_rng(0)
    assert (reals.size, reals.blocks) == (25, 4)
    drawn = [reals.draw(block, rng) for block in range(4)]
    assert len(np.unique(np.concatenate([one.held_out.ravel() for one in drawn]))) == 100
    assert match.RealBlocks(source, 10, 3, blocks=4).size == 10 and match.RealBlocks(endless(), 10, 3).blocks is None
    for one in drawn:
        assert one.labels is not None
        assert (one.labels == np.round((one.held_out.ravel() + 1) * 127.5).astype(int) % 10).all(), "each its own label"


def test_conditional_fakes_are_asked_for_the_labels_that_reals_have() -> None:
    asked: list[np.ndarray] = []

    class Asked(Shifted):
        def sample(
            self, n: int, rng: np.random.Generator, labels: np.ndarray | None = None
        ) -> tuple[np.ndarray, np.ndarray | None]:
            assert labels is not None
            asked.append(labels)
            return super().sample(n, rng, labels)

    rng = np.random.default_rng(0)
    reals = match.RealSamples(np.zeros((50, 1)), np.repeat([3, 7], 25), np.zeros((50, 1)), np.full(50, 3))
    match.play(Asked(0.0), Blurred(), reals, rng, 1000)
    assert set(asked[0].tolist()) == {3, 7} and 400 < int((asked[0] == 3).sum()) < 600


# Tournaments


def logistic_pool(seed: int) -> tuple[list[float], list[float], list[tournament.TaskResult]]:
    """Players whose scores are exactly Bradley–Terry's: a real beats a fake with the chance 1/(1 + e^−(c − g)) if the
    critic scores both with Gumbel noise, c − g apart."""
    generators, critics = [-0.8, 0.0, 0.9], [-0.4, 0.3, 1.2]
    results = []
    for g, generator in enumerate(generators):
        for c, critic in enumerate(critics):
            for block in range(20):
                rng = np.random.default_rng((seed, g, c, block))

                class Fakes:
                    def sample(
                        self, n: int, rng: np.random.Generator, labels: np.ndarray | None = None
                    ) -> tuple[np.ndarray, np.ndarray | None]:
                        return np.full((n, 1), -1.0), None

                class Gumbel:
                    def score(
                        self, x: np.ndarray, labels: np.ndarray | None = None,
                        rng: np.random.Generator = rng, real: float = critic, fake: float = generator,
                    ) -> np.ndarray:  # fmt: skip
                        return np.where(x[:, 0] < 0, fake, real) + rng.gumbel(size=len(x))

                reals = match.RealSamples(np.ones((150, 1)), None, np.ones((150, 1)), None)
                one = match.play(Fakes(), Gumbel(), reals, rng, 150)
                results.append(tournament.TaskResult(
                    tournament.MatchTask(g, 3 + c, block), (one.score,), games=one.games, variance=one.variance,
                ))  # fmt: skip
    return generators, critics, results


PARTICIPANTS = [tournament.Participant(f"g{k}", f"g{k}", ROLES[0]) for k in range(3)] + [
    tournament.Participant(f"d{k}", f"d{k}", ROLES[1]) for k in range(3)
]


def rated(folder: Path, results: list[tournament.TaskResult]) -> standings.Standings:
    with TournamentFolder(folder, PARTICIPANTS, {}, "txt") as kept:
        for result in results:
            kept.add(result)
        return standings.of_blocks(
            [player.name for player in kept.results.participants], kept.results.blocks(*ROLES), samples=200
        )


@pytest.mark.parametrize("trials", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_known_strengths_of_both_roles_come_back_within_their_intervals(tmp_path: Path, trials: int) -> None:
    covered, by_curvature = 0, 0
    for seed in range(trials):
        generators, critics, results = logistic_pool(seed)
        truth = np.array([*generators, *critics]) * elo.ELO
        truth -= truth.mean()
        found = rated(tmp_path / str(seed), results)
        by_player = {row.player: row for row in found.rows}
        covered += sum(by_player[k].lower <= truth[k] <= by_player[k].upper for k in range(6))
        by_curvature += sum(abs(by_player[k].elo - truth[k]) <= elo.Z95 * by_player[k].error for k in range(6))
        assert [by_player[k].elo for k in range(6)] == pytest.approx(truth.tolist(), abs=30)
    # Six intervals a trial hang together: the room is that of two thirds of a trial as many independent ones, 4 errors.
    room = 4 * math.sqrt(0.95 * 0.05 / (2 * trials))
    assert abs(covered / (6 * trials) - 0.95) <= room, covered / (6 * trials)
    assert abs(by_curvature / (6 * trials) - 0.95) <= room, by_curvature / (6 * trials)
    assert {row.name for row in found.down} == {"g0", "g1", "g2"} and {row.name[0] for row in found.across} == {"d"}


def test_who_is_never_mistaken_has_no_upper_bound_and_notes_say_so(tmp_path: Path) -> None:
    results = []
    for g, c, block in itertools.product(range(3), range(3), range(6)):
        score, variance = (0.0, 0.0) if c == 2 else (0.3 + 0.01 * block, 0.002)
        results.append(
            tournament.TaskResult(tournament.MatchTask(g, 3 + c, block), (score,), games=100.0, variance=variance)
        )
    found = rated(tmp_path, results)
    assert found.rows[0].name == "d2" and found.rows[0].upper == math.inf and math.isfinite(found.rows[0].elo)
    assert any("d2 lost no point" in note for note in found.notes)


def test_a_tournament_of_scores_goes_on_where_it_was_and_keeps_no_records(tmp_path: Path) -> None:
    _, _, results = logistic_pool(0)
    whole = rated(tmp_path / "whole", results)
    rated(tmp_path / "parts", results[:71])
    with (tmp_path / "parts" / "games.jsonl").open("ab") as file:
        file.write(b'{"players": [["g0", ')
    with TournamentFolder(tmp_path / "parts", PARTICIPANTS, {}, "txt") as again:
        pairs = [(g, 3 + c) for g in range(3) for c in range(3)]
        missing = again.results.missing(pairs, 20)
        assert [result.task for result in results[71:]] == missing
    resumed = rated(tmp_path / "parts", results[71:])
    assert resumed.rows == whole.rows and list((tmp_path / "parts" / "games").iterdir()) == []


def test_the_order_in_which_roles_are_entered_changes_nothing(tmp_path: Path) -> None:
    _, _, results = logistic_pool(1)
    before = rated(tmp_path, results)
    with TournamentFolder(tmp_path, PARTICIPANTS[::-1], {}, "txt") as turned:
        names = [player.name for player in turned.results.participants]
        after = standings.of_blocks(names, turned.results.blocks(*ROLES), samples=200)
        tables = turned.results.table(*ROLES), turned.results.table(*reversed(ROLES))
        one, other = tables[0].get("g0", "d2"), tables[1].get("d2", "g0")
        assert one is not None and other is not None and one.score == pytest.approx(1 - other.score)
    assert [row.name for row in after.rows] == [row.name for row in before.rows]
    assert [row.elo for row in after.rows] == pytest.approx([row.elo for row in before.rows])


def test_few_blocks_take_their_intervals_from_the_curvature(tmp_path: Path) -> None:
    _, _, results = logistic_pool(2)
    found = rated(tmp_path, [result for result in results if result.task.opening < 4])
    for row in found.rows:
        assert row.upper - row.elo == pytest.approx(elo.Z95 * row.error)
