"""Where does one learner with 1 to 1,000 actors saturate? A simulation of messages and rows, driven by measured costs.

Actors make rows at a steady pace and send them in portions; the process that learns receives one message at a time, at
the cost that `benchmarks/scaling.py` has measured, and asks that actor again. With relays, each node's relay does so in
its place, and sends the learner's process one message a second. Simulated is one process's queue in continuous time;
the network is reckoned from the rates that come out. Costs are those of docs/scaling.md, or of two files that
`scaling.py` printed, without `--relayed` and with it; then `check` holds the simulation beside the measurements.

"ratio" is rows received with relays over rows received without, at the largest number of actors; `most_actors` is how
many actors make as many.
"""

from __future__ import annotations

import argparse
import heapq
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import harness
import numpy as np

from selfplay.loop.config import RunConfig
from selfplay.loop.nodes import relay, sizing

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
RATIO = 3.1  # of connect four's rows, compressed by zlib at level 1


@dataclass(frozen=True)
class Costs:
    """What things cost, as measured."""

    ms_per_portion: float  # of the learner's process, for each actor's portion of rows
    ms_per_1000_rows: float  # of the same, intake and replay
    ms_per_actor_second: float  # of the same: asking how far each is
    ms_per_second: float  # of the same, whatever happens; with relays: for each of them
    bytes_per_row: float
    weights_megabytes: float
    rate: float  # rows per second that an actor makes


@dataclass(frozen=True)
class Layout:
    """How rows reach the learner's process."""

    name: str
    relays: bool  # one for each node
    sized: bool  # portions and generations by the number of actors


MEASURED = (
    Costs(1.69, 1.41, 0.014, 3.26, bytes_per_row=88, weights_megabytes=1.69, rate=500),
    # Between nodes rows are compressed besides: 0.36 ms of the 2.16 were measured apart.
    Costs(0.18, 2.16, 0.015, 4.05, bytes_per_row=88, weights_megabytes=1.69, rate=500),
)
LAYOUTS = (
    Layout("direct, 1,000 rows each", relays=False, sized=False),
    Layout("direct, sized", relays=False, sized=True),
    Layout("relays, sized", relays=True, sized=True),
)


def simulate(
    costs: Costs, direct: Costs, layout: Layout, actors: int, a_node: int, seconds: float = 20.0
) -> dict[str, float]:  # fmt: skip
    """Rates of a steady state. costs: of this layout. direct: those without relays, which are a relay's own. a_node:
    actors on each node."""
    config = RunConfig(actors=actors)
    sizes = sizing.sizes(config) if layout.sized else sizing.Sizes(config.rollout_rows, config.generation_rows)
    period = sizes.rollout_rows / costs.rate
    nodes = -(-actors // a_node)
    portions = costs.rate / sizes.rollout_rows  # of an actor, a second
    relays_load = min(actors, a_node) * portions * direct.ms_per_portion / 1000
    own = costs.ms_per_actor_second * actors / 1000  # share of the process that is gone before anything arrives
    if layout.relays:
        kept_up = 1.0 / max(1.0, relays_load)
        senders, rows, period, fixed = nodes, kept_up * costs.rate * actors / nodes * relay.EVERY, relay.EVERY, 1
    else:
        senders, rows, fixed = actors, float(sizes.rollout_rows), 0
        own += costs.ms_per_second / 1000
    speed = max(1.0 - own, 1e-3)
    each = rows / sizes.rollout_rows * costs.ms_per_portion + rows / 1000 * costs.ms_per_1000_rows
    service = (each + fixed * costs.ms_per_second) / 1000 / speed
    rng = np.random.default_rng(1)
    waiting = [(float(at), sender) for sender, at in enumerate(rng.uniform(0, period, senders))]
    heapq.heapify(waiting)
    free = busy = received = waited = 0.0
    messages = 0
    while waiting[0][0] < seconds:
        at, sender = heapq.heappop(waiting)
        free = max(free, at) + service
        if free > seconds:
            break
        busy, received, messages, waited = busy + service, received + rows, messages + 1, waited + free - at
        # Asked again when it has been received; and a pace, not a pause: what it waited is not made up for.
        heapq.heappush(waiting, (free + period - (service if free - at <= service * 1.001 else 0.0), sender))
    made_per_second = received / seconds
    # A row waits for the rest of its portion, for its relay, and in the queue.
    age = sizes.rollout_rows / costs.rate / 2 + (relay.EVERY / 2 if layout.relays else 0) + waited / max(messages, 1)
    generations = made_per_second / sizes.generation_rows
    network = made_per_second * costs.bytes_per_row / (RATIO if layout.relays else 1) / 1e6
    return {
        "rows_per_second": made_per_second,
        "messages_per_second": messages / seconds,
        "driver_share_of_a_core": min(1.0, own + busy * speed / seconds),
        "relay_share_of_a_core": min(1.0, relays_load) if layout.relays else 0.0,
        "rows_megabytes_per_second": network,
        "weights_megabytes_per_second": costs.weights_megabytes * nodes * generations,
        "generations_behind": age * generations,
        "rows_in_flight": float(actors * sizes.rollout_rows),
        "generation_rows": float(sizes.generation_rows),
    }  # fmt: skip


def checked(told: dict[str, Any], costs: Costs, direct: Costs) -> list[dict[str, float]]:
    """The simulation beside each measurement with the run's own portions."""
    layout = replace(LAYOUTS[1], relays=told["relayed"])
    rows = []
    for result in told["results"]:
        if result["rows_per_portion"] == sizing.sizes(RunConfig(actors=result["actors"])).rollout_rows:
            found = simulate(costs, direct, layout, result["actors"], a_node=64)
            rows.append({"actors": result["actors"]} | {
                f"{name}_{key}": values[key]
                for key in ("rows_per_second", "driver_share_of_a_core", "generations_behind")
                for name, values in (("measured", result), ("simulated", found))
            })  # fmt: skip
    return rows


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, (key, label) in zip(panels, (
        ("rows_per_second", "rows received a second"), ("driver_share_of_a_core", "of the learner's core, receiving"),
        ("generations_behind", "generations behind, mean"),
    ), strict=True):  # fmt: skip
        for name, values in found.items():
            axes.plot(SIZES, [value[key] for value in values], label=name, marker="o", markersize=3)
        axes.set(xscale="log", xlabel="actors", title=label)
        if key != "driver_share_of_a_core":
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs=2, type=Path, metavar=("DIRECT", "RELAYED"), help="what scaling.py printed")
    parser.add_argument("--seconds", type=float, default=20.0, help="that are simulated (default 20)")
    parser.add_argument("--repeats", type=int, default=1, help="of no effect: the same comes out every time")
    parser.add_argument("--actors-a-node", type=int, default=64)
    parser.add_argument("--png", type=Path, help="where to draw the curves")
    arguments = parser.parse_args()
    harness.start()
    told = [json.loads(path.read_text("utf-8")) for path in arguments.files or ()]
    direct, relayed = MEASURED
    if told:
        direct, relayed = (
            Costs(**{name: value for name, value in (one | one["costs"]).items() if name in Costs.__dataclass_fields__})
            for one in told
        )
    costs = {layout: relayed if layout.relays else direct for layout in LAYOUTS}
    a_node = arguments.actors_a_node
    found = {
        layout.name: [simulate(costs[layout], direct, layout, size, a_node, arguments.seconds) for size in SIZES]
        for layout in LAYOUTS
    }
    if arguments.png:
        draw(found, arguments.png)
    most = [found[layout.name][-1]["rows_per_second"] for layout in LAYOUTS]
    harness.report(
        "scaling_model", most[2] / most[1], "without relays, sized", costs=[direct.__dict__, relayed.__dict__],
        most_actors={name: int(values[-1]["rows_per_second"] / direct.rate) for name, values in found.items()},
        check=[checked(one, made, direct) for one, made in zip(told, (direct, relayed), strict=False)],
        results={name: [{"actors": size, **value} for size, value in zip(SIZES, values, strict=True)]
                 for name, values in found.items()},
    )  # fmt: skip


if __name__ == "__main__":
    main()
