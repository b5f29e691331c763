"""pgx and mctx: connect four on JAX, Gumbel search as in pgx's own AlphaZero, one batch of games that begin anew when
they end, all of it compiled. `setup.sh pgx-mctx` makes its environment.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import jax_network
import mctx
import pgx
import protocol
from pgx.experimental import auto_reset

BATCH = 64  # games at once


def main() -> None:
    env = pgx.make("connect_four")
    start = jax.jit(jax.vmap(env.init))(jax.random.split(jax.random.PRNGKey(0), BATCH))
    weights, forward = jax_network.make(start.observation.shape[1:])
    advance = jax.vmap(auto_reset(env.step, env.init))

    def evaluate(weights: Any, states: Any) -> tuple[jax.Array, jax.Array]:
        logits, value = forward(weights, states.observation.astype(jnp.float32))
        return jnp.where(states.legal_action_mask, logits, jnp.finfo(logits.dtype).min), value

    def recurrent(weights: Any, _: Any, action: jax.Array, states: Any) -> tuple[Any, Any]:
        mover = states.current_player
        after = jax.vmap(env.step)(states, action)
        logits, value = evaluate(weights, after)
        reward = jnp.take_along_axis(after.rewards, mover[:, None], axis=1)[:, 0]
        over = after.terminated
        output = mctx.RecurrentFnOutput(
            reward=reward, discount=jnp.where(over, 0.0, -1.0), prior_logits=logits, value=jnp.where(over, 0.0, value)
        )
        return output, after

    def prepare(simulations: int) -> protocol.Play:
        @jax.jit
        def step(weights: Any, states: Any, key: Any) -> Any:
            searching, beginning = jax.random.split(key)
            logits, value = evaluate(weights, states)
            root = mctx.RootFnOutput(prior_logits=logits, value=value, embedding=states)
            found = mctx.gumbel_muzero_policy(
                weights, searching, root, recurrent, simulations, invalid_actions=~states.legal_action_mask
            )
            return advance(states, found.action, jax.random.split(beginning, BATCH))

        states, number = start, 0

        def play() -> tuple[float, float]:
            nonlocal states, number
            number += 1
            states = step(weights, states, jax.random.PRNGKey(number))
            jax.block_until_ready(states)
            return float(BATCH), float(BATCH * (simulations + 1))

        play()  # compiles
        return play

    versions = {name: metadata.version(name) for name in ("jax", "mctx", "pgx", "dm-haiku")}
    protocol.serve({"batch": BATCH, "versions": versions}, prepare)


if __name__ == "__main__":
    main()
