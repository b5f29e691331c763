"""How fast is the network's forward pass? The ceiling of self-play: nothing that waits for a network can be faster.

Evaluations per second on a batch that stays in memory: the module as it is trained, in eval mode and float32, against
the fast form that actors use (batch norm folded, bfloat16 where the processor computes in it, fused, channels last);
with --compile also torch.compile of the folded-precision module, whose compilation time is not counted.
"ratio" is fast over eager at the batch in "ratio_of".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import torch

import games
from selfplay import device as devices
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig


def positions(name: str, batch: int) -> np.ndarray:
    """[batch, P, R, C] planes of positions from random play."""
    game, rng = games.make(name), np.random.default_rng(1)
    states = game.initial_states(batch)
    for _ in range(game.max_game_length // 4):
        actions, count = game.legal_actions(states)
        after = game.step(states, actions[np.arange(batch), (rng.random(batch) * count).astype(np.int64)]).states
        states = np.where(after["terminal"], states, after)
    return game.observe(states)


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.4, repeats=5)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16, 64, 128, 256], metavar="B")
    parser.add_argument("--compile", action="store_true", help="also torch.compile (takes seconds a batch size)")
    arguments = parser.parse_args()
    harness.start()
    device = devices.best()
    game, config = games.make(arguments.game), NetworkConfig(arguments.channels, arguments.blocks)
    dtype = devices.compute_dtype(device.type)
    net = policy_value.PolicyValueNet(game, config).eval().to(device).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        fast = inference.fast_forward(net, game.observation_shape[1:], device)
    compiled: Any = None
    if arguments.compile:
        compiled = torch.compile(policy_value.PolicyValueNet(game, config).eval().to(device, dtype), dynamic=False)

    def job(forward: Callable[[torch.Tensor], Any], planes: torch.Tensor) -> Callable[[], float]:
        def work() -> float:
            with torch.inference_mode():
                forward(planes)
                if device.type == "cuda":
                    torch.cuda.synchronize()
            return len(planes)

        return lambda: harness.rate(work, arguments.seconds)

    rows = []
    for batch in arguments.batches:
        planes = torch.from_numpy(positions(arguments.game, batch)).to(device)
        planes = planes.contiguous(memory_format=torch.channels_last)
        low = planes.to(dtype).contiguous(memory_format=torch.channels_last)
        measures = {"eager": job(net, planes), "fast": job(fast, low)}
        if compiled is not None:
            measures["compiled"] = job(compiled, low)
        found = harness.in_turns(measures, arguments.repeats)
        row = {"batch": batch, **{f"{name}_evaluations_per_second": harness.median(found[name]) for name in found}}
        row["ratio"] = harness.ratio(found["fast"], found["eager"])
        if compiled is not None:
            row["ratio_compiled"] = harness.ratio(found["fast"], found["compiled"])
        rows.append(row)
    headline = min(rows, key=lambda row: abs(row["batch"] - 64))
    harness.report(
        "forward", headline["ratio"], "the same module in eager mode, float32, channels last",
        ratio_of={"batch": headline["batch"]}, game=arguments.game, channels=arguments.channels,
        blocks=arguments.blocks, device=str(device), dtype=str(dtype).removeprefix("torch."), results=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
