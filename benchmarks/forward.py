"""How fast is the network's forward pass? The ceiling of self-play: nothing that waits for a network can be faster.

Evaluations per second on a batch that stays in memory: the module as it is trained, in eval mode and float32, against
the fast form that actors use (batch norm folded, bfloat16 where the processor computes in it, fused, channels last);
with --compile also torch.compile of the folded-precision module, whose compilation time is not counted.
"ratio" is fast over eager at the batch in "ratio_of".
"""

from __future__ import annotations

from typing import Any

import harness
import torch

import games
from selfplay import device as devices
from selfplay.bench import work
from selfplay.networks import policy_value
from selfplay.networks.config import NetworkConfig


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
    makers = work.forwards(game, config, device)
    compiled: Any = None
    if arguments.compile:
        compiled = torch.compile(policy_value.PolicyValueNet(game, config).eval().to(device, dtype), dynamic=False)

    rows = []
    for batch in arguments.batches:
        jobs = {"eager": makers["module"](batch), "fast": makers["fused"](batch)}
        if compiled is not None:
            planes = torch.from_numpy(work.random_planes(game, batch)).to(device, dtype)
            planes = planes.contiguous(memory_format=torch.channels_last)
            jobs["compiled"] = work.forward_passes(compiled, planes)
        measures = {name: lambda job=job: harness.rate(job, arguments.seconds) for name, job in jobs.items()}
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
