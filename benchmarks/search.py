"""How fast is the tree search on its own? Simulations per second with an evaluator that costs next to nothing.

Every position is valued as a draw and every legal action alike, so what is timed is descending, expanding and backing
up. Searches start after 0 to 12 random plies. Proofs are left out (solve off), so that each search really makes as
many simulations as asked. "ratio" is that of the setting named in "ratio_of" to a plain-Python search of one game;
null where none of the games has a plain twin.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import openspiel
import plain

import games
from selfplay.bench import work
from selfplay.search.config import SearchConfig


def plain_python(name: str, simulations: int) -> Callable[[], float]:
    starts = itertools.cycle(plain.openings(name, 64, work.RANDOM_PLIES, random.Random(1)))
    return lambda: plain.search(next(starts), simulations).visits - 1


def openspiel_search(name: str, simulations: int) -> Callable[[], float] | None:
    """OpenSpiel's Python search with a constant evaluator, where OpenSpiel is installed."""
    if not harness.installed("pyspiel") or name not in openspiel.NAMES:
        return None
    import pyspiel
    from open_spiel.python.algorithms import mcts

    class Constant(mcts.Evaluator):
        def evaluate(self, state: Any) -> np.ndarray:
            return np.zeros(2)

        def prior(self, state: Any) -> list[tuple[int, float]]:
            legal = state.legal_actions()
            return [(action, 1 / len(legal)) for action in legal]

    game = pyspiel.load_game(openspiel.NAMES[name])
    bot = mcts.MCTSBot(game, 1.5, simulations, Constant(), solve=False, child_selection_fn=mcts.SearchNode.puct_value)
    return lambda: bot.mcts_search(game.new_initial_state()).explore_count


def mctx(name: str, batch: int, simulations: int) -> Callable[[], float] | None:
    """mctx's Gumbel search over pgx's rules, compiled by JAX, where all three are installed."""
    if not all(map(harness.installed, ("jax", "mctx", "pgx"))):
        return None
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    import jax
    import jax.numpy as jnp
    import mctx as library
    import pgx

    env = pgx.make(name.replace("-", "_"))

    def recurrent(_: Any, rng: Any, action: Any, states: Any) -> Any:
        mover = states.current_player
        after = jax.vmap(env.step)(states, action)
        reward = jnp.take_along_axis(after.rewards, mover[:, None], axis=1)[:, 0]
        logits = jnp.where(after.legal_action_mask, 0.0, jnp.finfo(jnp.float32).min)
        discount = jnp.where(after.terminated, 0.0, -1.0)
        output = library.RecurrentFnOutput(
            reward=reward, discount=discount, prior_logits=logits, value=jnp.zeros(batch)
        )
        return output, after

    @jax.jit
    def policy(key: Any) -> Any:
        states = jax.vmap(env.init)(jax.random.split(key, batch))
        logits = jnp.zeros((batch, env.num_actions))
        root = library.RootFnOutput(prior_logits=logits, value=jnp.zeros(batch), embedding=states)
        illegal = ~states.legal_action_mask
        return library.gumbel_muzero_policy(None, key, root, recurrent, simulations, invalid_actions=illegal).action

    key = jax.random.PRNGKey(1)

    def work() -> float:
        policy(key).block_until_ready()
        return float(batch * simulations)

    return work


def measure(name: str, simulations: int, arguments: Any) -> list[dict[str, Any]]:
    """A row for each policy and batch, all timed in turns with the peers."""
    game = games.make(name)
    jobs: dict[Any, Callable[[], float] | None] = {
        (policy, batch): work.searches(game, batch, simulations, SearchConfig(policy=policy, solve=False))
        for policy in arguments.policies
        for batch in arguments.batches
    }
    if name in plain.GAMES:
        jobs["plain_python"] = plain_python(name, simulations)
    if arguments.peers:
        jobs["openspiel_python"] = openspiel_search(name, simulations)
        for batch in arguments.batches:
            jobs["mctx_gumbel", batch] = mctx(name, batch, simulations)
    timed = {key: lambda job=job: harness.rate(job, arguments.seconds) for key, job in jobs.items() if job}
    found = harness.in_turns(timed, arguments.repeats)
    rows = []
    for policy in arguments.policies:
        for batch in arguments.batches:
            rates = found[policy, batch]
            row = {
                "game": name, "policy": policy, "simulations": simulations, "batch": batch,
                "simulations_per_second": harness.median(rates),
            }  # fmt: skip
            if "plain_python" in found:
                row["ratio_plain_python"] = harness.ratio(rates, found["plain_python"])
            if "openspiel_python" in found:
                row["ratio_openspiel_python"] = harness.ratio(rates, found["openspiel_python"])
            if ("mctx_gumbel", batch) in found:
                row["ratio_mctx_gumbel"] = harness.ratio(rates, found["mctx_gumbel", batch])
            rows.append(row)
    return rows


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.3, repeats=3)
    parser.add_argument("--games", nargs="+", default=list(plain.GAMES), choices=games.available())
    parser.add_argument("--policies", nargs="+", default=["puct", "gumbel"], choices=["puct", "gumbel", "uct"])
    parser.add_argument("--simulations", nargs="+", type=int, default=[64, 400, 800], metavar="N")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 64, 256], metavar="B")
    parser.add_argument("--peers", action="store_true", help="also OpenSpiel's and mctx's search, where installed")
    arguments = parser.parse_args()
    harness.start()
    rows = [row for name in arguments.games for n in arguments.simulations for row in measure(name, n, arguments)]
    wanted = {"game": "connect-four", "policy": "puct", "simulations": 64, "batch": 64}
    compared = [row for row in rows if "ratio_plain_python" in row] or rows
    headline = max(compared, key=lambda row: sum(row[key] == value for key, value in wanted.items()))
    harness.report(
        "search", headline.get("ratio_plain_python"), "plain-Python PUCT search of one game, simulations per second",
        ratio_of={key: headline[key] for key in wanted}, results=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
