"""Presets of the AlphaZero family: settings that work as they are on two cores, by name."""

from __future__ import annotations

from selfplay.alphazero.config import ActorConfig, Config, EvaluationConfig
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop.config import RunConfig
from selfplay.networks.config import NetworkConfig
from selfplay.search.config import SearchConfig

TIC_TAC_TOE = Config(
    game="tic-tac-toe",
    network=NetworkConfig(channels=32, blocks=2, head_channels=8, value_hidden=32),
    search=SearchConfig(dirichlet_alpha=1.5),
    actor=ActorConfig(num_simulations=32, random_opening_plies=6, temperature_half_life=2.0, opponent_share=0.02),
    replay=ReplayConfig(samples_per_insert=8.0, window_min=20_000, learn_after=2_000),
    learner=LearnerConfig(batch_size=256, learning_rate=2e-3, final_learning_rate=2e-4, ema_decay=0.99),
    evaluation=EvaluationConfig(num_simulations=64),
    run=RunConfig(minutes=5.0, generation_rows=4_000, rollout_rows=1_000, evaluate_every=1, stop_when_solved=True),
)
"""Ends by itself once it makes no mistake in any of the 4,520 positions that play can reach."""

CONNECT_FOUR = Config(
    game="connect-four",
    network=NetworkConfig(channels=32, blocks=4, head_channels=16, value_hidden=64),
    search=SearchConfig(dirichlet_alpha=1.0),
    actor=ActorConfig(
        concurrent_games=128,
        num_simulations=48,
        random_opening_plies=24,
        temperature=0.8,
        final_temperature=0.15,
        temperature_half_life=5.0,
    ),
    replay=ReplayConfig(samples_per_insert=6.0, window_min=20_000, window_fraction=0.5),
    learner=LearnerConfig(batch_size=512, learning_rate=2e-3, final_learning_rate=1e-4, ema_decay=0.999),
    evaluation=EvaluationConfig(num_simulations=100),
    run=RunConfig(minutes=20.0, generation_rows=20_000, rollout_rows=1_000, evaluate_every=3, actors=2),
)
"""Twenty minutes on two cores: accuracy against the exact solver is measured on the way."""

CHECKERS = Config(
    game="checkers",
    network=NetworkConfig(channels=32, blocks=4, head_channels=16, value_hidden=64),
    search=SearchConfig(dirichlet_alpha=1.2, edges_per_node=16),
    actor=ActorConfig(
        concurrent_games=128,
        num_simulations=48,
        random_opening_plies=40,
        temperature=0.8,
        final_temperature=0.15,
        temperature_half_life=8.0,
    ),
    replay=ReplayConfig(samples_per_insert=4.0, window_min=40_000, window_fraction=0.5),
    learner=LearnerConfig(batch_size=512, learning_rate=2e-3, final_learning_rate=1e-4, ema_decay=0.999),
    evaluation=EvaluationConfig(num_simulations=32, opponents=("random", "alphabeta:3", "first"), games=20),
    run=RunConfig(minutes=20.0, generation_rows=20_000, rollout_rows=1_000, evaluate_every=5, actors=2),
)
"""Twenty minutes on two cores: past random, greedy and a shallow alpha–beta."""

CHESS = Config(
    game="chess",
    network=NetworkConfig(channels=32, blocks=4, head_channels=16, value_hidden=64),
    search=SearchConfig(dirichlet_alpha=0.3, look_ahead=True),
    actor=ActorConfig(
        concurrent_games=128,
        num_simulations=48,
        random_opening_plies=100,
        adjudicate_after=80,
        temperature=0.8,
        final_temperature=0.15,
        temperature_half_life=8.0,
    ),
    replay=ReplayConfig(samples_per_insert=3.0, window_min=40_000, window_fraction=0.5),
    learner=LearnerConfig(batch_size=512, learning_rate=2e-3, final_learning_rate=1e-4, ema_decay=0.999),
    evaluation=EvaluationConfig(num_simulations=32, opponents=("random", "greedy", "first"), games=20),
    run=RunConfig(minutes=20.0, generation_rows=20_000, rollout_rows=1_000, evaluate_every=8, actors=2),
)
"""Twenty minutes on two cores: material, and mates against random moves. Beginners' games are drawn nearly always, so
training games are scored by material after 80 searched plies (docs/recipes.md has a run without)."""

PRESETS = {"tic-tac-toe": TIC_TAC_TOE, "connect-four": CONNECT_FOUR, "checkers": CHECKERS, "chess": CHESS}
