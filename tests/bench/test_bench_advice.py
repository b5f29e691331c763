"""What follows from the speeds of a machine, on machines that are made up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfplay import cores
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.presets import CHESS, CONNECT_FOUR, TIC_TAC_TOE
from selfplay.bench import advice, measuring, timing
from selfplay.bench.measuring import Measurement

SAMPLES = 6_000.0  # a second; at six samples a position 1,000 positions


def games(**rates: float) -> list[Measurement]:
    """Self-play in one process; games(at_64=700)."""
    return [
        Measurement("games", name, "positions", (rate,), {"concurrent_games": int(name.removeprefix("at_"))})
        for name, rate in rates.items()
    ]


def processes(
    number: int, core_seconds: float, mode: str = "local", device: str = "cpu", rate: float = 1.0
) -> Measurement:
    settings: dict[str, float | str] = {
        "processes": number, "mode": mode, "core_seconds": core_seconds, "device": device,
    }  # fmt: skip
    return Measurement("processes", "", "positions", (rate,), settings)


def learner(samples: float = SAMPLES) -> Measurement:
    return Measurement("learner", "", "samples", (0.9 * samples, samples, 1.1 * samples), {})


def advised(*measured: Measurement, config: AlphaZeroConfig = CONNECT_FOUR) -> advice.Advice:
    found = advice.advise(config, measured)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "granted", lambda: 2)


def test_the_fewest_games_at_once_are_taken_that_are_as_fast_as_any() -> None:
    assert measuring.best_games(games(at_64=700, at_128=980, at_256=1000)) == 128
    assert measuring.best_games(games(at_64=700, at_128=900, at_256=1000)) == 256
    assert measuring.best_games(games(at_64=1000, at_128=900, at_256=700)) == 64


def test_playing_and_learning_in_turns_add_their_times_up() -> None:
    # 1 / 500 s of playing and 6 / 6,000 s of learning for a position
    found = advised(learner(), *games(at_128=500))
    assert found == advice.Advice(128, 0, "local", pytest.approx(333.3))


def test_actors_beside_a_learner_are_bounded_by_themselves_by_the_learner_and_by_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # one actor of 400 positions a second, with a learner that could do 1,000, on two cores
    assert advised(learner(), *games(at_128=400), processes(1, 1 / 400)).positions_per_second == 400
    # two of them: 2 cores over 1 / 400 + 1 / 1,000 core seconds a position
    found = advised(learner(), *games(at_128=400), processes(1, 1 / 400), processes(2, 1 / 400))
    assert (found.actors, found.positions_per_second) == (2, pytest.approx(2 / (1 / 400 + 1 / 1000), rel=1e-3))
    # sixteen cores: the learner has one, and is the bound; four actors of 400 are more than it can use, three are not
    monkeypatch.setattr(cores, "granted", lambda: 16)
    found = advised(learner(), *games(at_128=400), *[processes(n, 1 / 400) for n in (1, 2, 3, 4, 16)])
    assert (found.actors, found.positions_per_second) == (3, 1000)


def test_shared_inference_is_chosen_only_where_it_is_clearly_faster() -> None:
    local, learning = processes(2, 1 / 400), learner()
    barely = processes(2, 1 / 405, "shared")
    clearly = processes(2, 1 / 600, "shared")
    assert advised(learning, *games(at_128=400), local, barely).mode == "local"
    assert advised(learning, *games(at_128=400), local, clearly).mode == "shared"


def test_on_a_gpu_self_play_in_processes_counts_by_the_clock() -> None:
    found = advised(learner(), *games(at_128=100), processes(2, 1 / 9000, device="cuda", rate=650.0))
    assert (found.actors, found.positions_per_second) == (2, 650)


def test_a_preset_that_plays_in_its_own_process_stays_there() -> None:
    fast = processes(2, 1 / 9000)
    assert advised(learner(), *games(at_64=400), fast, config=TIC_TAC_TOE).actors == 0


def test_nothing_is_advised_before_the_learner_and_self_play_are_measured() -> None:
    assert advice.advise(CONNECT_FOUR, [learner()]) is None
    assert advice.advise(CONNECT_FOUR, games(at_64=1)) is None


def test_what_is_on_record_is_the_packaged_agents_recipe_and_of_that_preset_only() -> None:
    known = advice.record("connect-four", CONNECT_FOUR)
    assert known is not None and known.positions > 500_000 and known.minutes == 20 and known.strength["accuracy"] > 0.95
    assert advice.record("my-connect-four", CONNECT_FOUR) is None
    assert advice.record("hex", replace(CONNECT_FOUR, game="hex")) is None


def test_what_a_preset_takes_is_its_record_over_the_speed_here() -> None:
    known = advice.record("connect-four", CONNECT_FOUR)
    assert known is not None
    here = advice.Advice(128, 2, "local", positions_per_second=known.positions / 600)
    said = " ".join(advice.sentences("connect-four", CONNECT_FOUR, here))
    twice = f"{float(f'{2 * known.positions:.2g}'):,.0f}"
    assert f"20 minutes give about {twice} positions" in said
    assert f"{known.positions:,} positions in 20 minutes on 2 cores" in said and "about 10 minutes here" in said
    assert f"{known.strength['accuracy']:.1%} of 600 positions right at 100 simulations" in said


def test_where_nothing_is_on_record_that_is_said() -> None:
    here = advice.Advice(128, 2, "local", 100.0)
    assert advice.sentences("mine", CHESS, here)[-1] == "How many positions mine needs is not on record."


def test_the_advice_changes_nothing_that_is_learned_from() -> None:
    changed = advice.Advice(256, 3, "shared", 1.0).applied(CONNECT_FOUR)
    assert (changed.actor.concurrent_games, changed.run.actors, changed.inference.mode) == (256, 3, "shared")
    undone = advice.Advice(CONNECT_FOUR.actor.concurrent_games, CONNECT_FOUR.run.actors, "local", 1.0).applied(changed)
    assert undone == CONNECT_FOUR


def test_rates_are_units_over_seconds_of_the_clock_that_is_given() -> None:
    now = 0.0

    def work() -> float:
        nonlocal now
        now += 0.5
        return 10.0

    assert timing.rate(work, 2.0, lambda: now) == 20.0
    assert now == 2.0
