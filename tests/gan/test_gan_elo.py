"""The command `elo` on GAN runs: the same files and resumption as for board games, its report, its refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from command import refused
from scipy import stats

from selfplay import config as configs
from selfplay.datasets import mixtures
from selfplay.gan import agent, load, match, presets, score_worker
from selfplay.gan.metrics import modes
from selfplay.league.pool import Pool
from selfplay.ratings import tournament

TINY = ["network.width=8", "network.depth=2", "network.latent=4"]
QUICK = ("--games", 6, "--samples", 40, "--actors", 0)


def weights_of(made: agent.Gan, generation: int) -> dict[str, dict[str, torch.Tensor]]:
    """Untrained, and different by generation."""
    generator = torch.Generator().manual_seed(generation)
    found = {name: module.state_dict() for name, module in made.networks().items()}
    for tensors in found.values():
        for tensor in tensors.values():
            if tensor.is_floating_point():
                tensor += 0.5 * torch.randn(tensor.shape, generator=generator)
    return found


def run_folder(path: Path, *settings: str, generations: int = 3, preset: str = "gan-ring") -> Path:
    made = agent.Gan(configs.override(presets.PRESETS[preset], [*TINY, *settings]))
    for generation in range(generations):
        Pool(path / "checkpoints").save(generation, weights_of(made, generation), made.identity() | made.details())
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run")


def test_both_roles_of_every_generation_are_rated_and_everything_is_written(selfplay: Any, run: Path) -> None:
    said = selfplay("elo", run, *QUICK)
    assert said.code == 0, said.err
    for words in (
        "run/0 generator", "run/2 discriminator", "3 generators against 3 critics",
        "54 blocks of 40 fakes and 40 held-out reals", "duality gap",
        "In the Nash equilibrium", "unexplained", "Intervals are 95 %", "54 blocks played now",
    ):  # fmt: skip
        assert words in said.out, said.out
    out = run / "elo"
    read = json.loads((out / "ratings.json").read_text())
    assert len(read["players"]) == 6 and len(read["crosstable"]) == 9 and read["advantage"] == read["draw"] == 0
    assert all(player["lower"] is None or player["lower"] <= player["elo"] for player in read["players"])
    assert sum(player["elo"] for player in read["players"]) == pytest.approx(0, abs=1e-6)
    names = list(read["measures"]["nash_averages"])
    assert sorted(names) == sorted(player["name"] for player in read["players"])
    assert 0 <= read["measures"]["exploitability"]["run/2"] <= 1
    cross = list(csv.reader((out / "crosstable.csv").read_text().splitlines()))
    assert len(cross) == 4 and all("discriminator" in name for name in cross[0][1:])
    assert all("generator" in row[0] and all(0 <= float(cell) <= 1 for cell in row[1:]) for row in cross[1:])
    assert (out / "elo.png").read_bytes().startswith(b"\x89PNG") and not list((out / "games").iterdir())


def test_the_same_command_plays_nothing_twice_and_a_grown_run_what_is_new(selfplay: Any, run: Path) -> None:
    newest = selfplay("elo", run, "--generations", "all", "--schedule", "gauntlet", *QUICK)
    assert "42 blocks played now" in newest.out, "three own pairs, and the newest two against the others'"
    run_folder(run, generations=4)
    grown = selfplay("elo", run, "--generations", "all", *QUICK)
    assert "54 blocks played now" in grown.out and "42 from earlier" in grown.out
    again = selfplay("elo", run, "--generations", "all", *QUICK)
    assert "No blocks played now, 96 from earlier" in again.out
    assert grown.out.partition("Intervals are")[0] == again.out.partition("Intervals are")[0], "the same tables"
    refused(selfplay("elo", run, "--games", 6, "--samples", 50, "--actors", 0), "other terms", "samples 40, now 50")


def test_an_anchor_fixes_one_player_of_either_role(selfplay: Any, run: Path) -> None:
    read = json.loads(selfplay("elo", run, *QUICK, "--anchor", "run/1 discriminator=50", "--json").out)
    assert next(player["elo"] for player in read["players"] if player["name"] == "run/1 discriminator") == 50
    refused(selfplay("elo", run, *QUICK, "--anchor", "run/1"), "--anchor is 'run/1'", "run/0 generator")


def test_runs_on_the_same_data_are_rated_together_whatever_their_networks(
    selfplay: Any, run: Path, tmp_path: Path
) -> None:
    other = run_folder(tmp_path / "other", "network.width=12", generations=1)
    said = selfplay("elo", run, other, "--generations", 1, *QUICK)
    assert said.code == 0, said.err
    assert "other/0 generator" in said.out and "run/2 discriminator" in said.out
    assert said.out.count("duality gap") == 2, "one sentence a run"


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        (["--simulations", "100"], ["--simulations applies to board games"]),
        (["--random-plies", "4"], ["--random-plies"]),
        (["--resign", "0.9"], ["--resign"]),
        (["--book", "x.pgn"], ["--book"]),
        (["--game", "chess"], ["--game applies to board games"]),
        (["--games", "0"], ["--games", "from 1 to"]),
        (["--samples", "3"], ["--samples", "from 10 to 1,000,000"]),
        (["random"], ["rate them apart"]),
        (["nowhere/"], ["does not exist"]),
        (["--generations", "few"], ["--generations", "'few'"]),
    ],
)
def test_a_wrong_option_is_answered_in_one_sentence(
    selfplay: Any, run: Path, words: list[str], hints: list[str]
) -> None:
    refused(selfplay("elo", run, *words), *hints)
    assert not (run / "elo").exists()


def test_other_data_another_family_and_no_critic_are_refused(selfplay: Any, run: Path, tmp_path: Path) -> None:
    refused(selfplay("elo", run, run_folder(tmp_path / "grid", "data.name=grid")), "were trained on different data")
    wider = run_folder(tmp_path / "wider", "data.sigma=0.03")
    refused(selfplay("elo", run, wider), "were trained on different data")
    refused(selfplay("elo", run, tiny.weights_folder(tmp_path / "board")), "plays games", "rate them apart")
    refused(selfplay("elo", run, run_folder(tmp_path / "labelled", "network.conditional=true")), "is conditional")
    refused(selfplay("elo", run_folder(tmp_path / "vae", "model=vae", "data.name=digits")), "has no critic")
    board = tiny.weights_folder(tmp_path / "ttt", "tic-tac-toe")
    refused(selfplay("elo", board, "random", "--samples", 40), "--samples is for generators")


def test_digits_are_scored_on_held_out_blocks_that_run_out(selfplay: Any, tmp_path: Path) -> None:
    run = run_folder(tmp_path / "digits", "data.name=digits", "network.conditional=true", generations=2)
    said = selfplay("elo", run, "--games", 4, "--samples", 50, "--actors", 0)
    assert said.code == 0, said.err
    assert "16 blocks of 50 fakes and 29 held-out reals" in said.out and "held-out data: memorisation" in said.out
    refused(selfplay("elo", run, "--games", 21, "--samples", 50), "the held-out data make only 20 blocks of 29 reals")


def test_a_match_is_a_function_of_weights_and_seed() -> None:
    made = agent.Gan(configs.override(presets.PRESETS["gan-ring"], TINY))
    row, column = weights_of(made, 1), weights_of(made, 2)
    generator, critic = made.generator(row), made.critic(column)
    one, again, other = (match.play_seeded(generator, critic, made.source, seed, 100) for seed in (5, 5, 6))
    assert one == again != other and one.variance is not None
    assert abs(one.score - other.score) < 6 * np.sqrt(2 * one.variance)


def test_a_match_does_not_depend_on_what_else_is_played(run: Path) -> None:
    folders = tuple(str(Pool(run / "checkpoints").path(k)) for k in range(3))
    names = tuple(f"{k} {role}" for role in ("g", "d") for k in range(3))
    worker = score_worker.ScoreWorker(score_worker.ScoreSpec(folders, names, 40, 20, 1))
    tasks = [tournament.MatchTask(g, 3 + d, block) for g in range(3) for d in range(3) for block in range(2)]
    whole = [result for results, _ in worker.run(tasks) for result in results]
    alone = [next(worker.run([task]))[0][0] for task in reversed(tasks)]
    assert whole == alone[::-1] and len({result.points for result in whole}) > 9
    assert load.load(run).meta["generation"] == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_on_ray_the_scores_are_those_of_one_process(selfplay: Any, run: Path, tmp_path: Path) -> None:
    one = selfplay("elo", run, *QUICK[:-2], "--actors", 0, "--out", tmp_path / "one", "--json")
    two = selfplay("elo", run, *QUICK[:-2], "--actors", 2, "--out", tmp_path / "two", "--json")
    assert one.code == two.code == 0, two.err
    read = [json.loads(said.out) for said in (one, two)]
    assert read[0] == read[1]


@pytest.mark.slow
def test_ratings_of_a_ring_runs_generators_agree_in_order_with_their_divergence(selfplay: Any, tmp_path: Path) -> None:
    """With the bin of samples off all modes: without it, KL is at its sampling floor long before samples are good."""
    path = tmp_path / "run"
    sets = ("--set", "run.generation_rows=25600", "--set", "run.rollout_rows=2560", "--generations", 8)
    assert selfplay("train", "gan-ring", "--run", path, *sets, "--plain").code == 0
    assert selfplay("elo", path, "--generations", "all", "--games", 10, "--actors", 0).code == 0
    read = json.loads((path / "elo" / "ratings.json").read_text())
    elo, divergence = [], []
    for player in read["players"]:
        name, role = player["name"].split()
        if role == "generator":
            made = load.load(path / "checkpoints" / f"{int(name.rpartition('/')[2]):06d}").generator
            assert made is not None
            samples = made.sample(10_000, np.random.default_rng(1))[0]
            elo.append(player["elo"])
            divergence.append(modes.mixture_coverage(samples, mixtures.ring()).kl_off)
    assert len(elo) == 9 and stats.kendalltau(elo, [-value for value in divergence]).statistic >= 0.7
