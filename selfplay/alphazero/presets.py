"""Presets of the AlphaZero family: settings that work as they are on two cores, by name; for other games, settings that
are derived from their constants. Loads neither torch nor NumPy before a game is asked for.
"""

from __future__ import annotations

import math

from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig, EvaluationConfig
from selfplay.errors import ConfigError
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop.config import RunConfig
from selfplay.networks.config import NetworkConfig
from selfplay.search.config import SearchConfig

TIC_TAC_TOE = AlphaZeroConfig(
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

CONNECT_FOUR = AlphaZeroConfig(
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

CHECKERS = AlphaZeroConfig(
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

CHESS = AlphaZeroConfig(
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

OPPONENTS = ("random", "greedy", "first")  # of games without exact values

PRESETS = {"tic-tac-toe": TIC_TAC_TOE, "connect-four": CONNECT_FOUR, "checkers": CHECKERS, "chess": CHESS}

SMALL = 16  # squares: boards up to this size are learned in minutes


def for_game(name: str, **options: int) -> AlphaZeroConfig:
    """Settings for the game `name`, derived from its constants. Raises ConfigError where there is no such game.

    K is its max_legal_actions, L its max_game_length in plies and S its num_symmetries, the identity included; it is
    small where its observations have at most 16 squares.

        network   2 blocks of 32 channels where small, else 4; heads of 8 and 32, else 16 and 64
        search    dirichlet_alpha 20 / K, within [0.3, 1.5]: about 10 / the usual number of legal actions, which is half
                  of K; edges_per_node K, at most 512
        actor     64 games of 32 simulations where small, else 128 of 48; random openings of up to 0.6 L plies, at most
                  40; a temperature that falls by half in L / 8 plies, within [2, 8]
        replay    samples_per_insert 4 + 2 log2 S, at most 8: each symmetry shows a row anew
        learner   batches of 256 where small, else 512, at rates from 0.002 to 0.0002 and 0.0001
        run       5 minutes in one process where small, else 20 with two actors

    Games with exact values (`Knowledge.eval_set`) are measured against them; others against random, greedy and their
    own first generation.
    """
    import games
    from games.knowledge import Knowledge

    try:
        game = games.make(name, **options)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    _, rows, columns = game.observation_shape
    small, most, length = rows * columns <= SMALL, game.max_legal_actions, game.max_game_length
    measured = games.facet(game, Knowledge).eval_set() is not None
    return AlphaZeroConfig(
        game=name,
        game_options=dict(options),
        network=NetworkConfig(
            channels=32, blocks=2 if small else 4, head_channels=8 if small else 16, value_hidden=32 if small else 64
        ),
        search=SearchConfig(dirichlet_alpha=min(max(20 / most, 0.3), 1.5), edges_per_node=min(most, 512)),
        actor=ActorConfig(
            concurrent_games=64 if small else 128,
            num_simulations=32 if small else 48,
            random_opening_plies=min(round(0.6 * length), 40),
            temperature_half_life=min(max(length / 8, 2.0), 8.0),
        ),
        replay=ReplayConfig(
            samples_per_insert=min(4 + 2 * math.log2(game.num_symmetries), 8.0),
            window_min=20_000 if small else 40_000,
            learn_after=2_000 if small else 4_000,
        ),
        learner=LearnerConfig(
            batch_size=256 if small else 512,
            final_learning_rate=2e-4 if small else 1e-4,
            ema_decay=0.99 if small else 0.999,
        ),
        evaluation=EvaluationConfig(num_simulations=64, opponents=() if measured else OPPONENTS, games=20),
        run=RunConfig(
            minutes=5.0 if small else 20.0,
            generation_rows=4_000 if small else 20_000,
            evaluate_every=1 if small else 5,
            actors=0 if small else 2,
        ),
    )
