"""What shared inference costs: processor time of an evaluation with networks in every process, over that with servers.

1, 2, 4 and 8 processes play the same games from the same seeds in both modes, in turns. A piece is a number of turns of
every process; its cost is the processor time of all processes, servers included, over the positions evaluated. "ratio"
is that of local over shared inference for the most processes: 1.0 costs the same, 0.9 a ninth more. "same_games" says
whether both modes have played the same moves. Time on the clock depends on what else runs, and is shown beside it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import harness
import torch

import games
from selfplay.alphazero.actor import SelfPlayActor
from selfplay.alphazero.config import ActorConfig
from selfplay.bench import processes
from selfplay.networks import policy_value
from selfplay.networks.config import InferenceConfig, NetworkConfig
from selfplay.networks.shared import launcher
from selfplay.search.config import SearchConfig

MODES = ("local", "shared")


@dataclass(frozen=True)
class Piece:
    """What a process has done."""

    evaluations: int
    seconds: float  # of processor time
    games: str  # digest of positions and rows
    server: int  # its process; 0 for none
    figures: dict[str, float]  # of the server


def play(actor: SelfPlayActor, turns: int) -> Piece:
    """Plays a number of turns."""
    goal = sum(group.turns for group in actor._groups) + turns
    actor.should_stop = lambda: sum(group.turns for group in actor._groups) >= goal
    began = time.process_time()
    rows, sums = actor.generate(10**9)
    seconds = time.process_time() - began
    states = b"".join(group.states.tobytes() for group in actor._groups)
    digest = hashlib.sha256(states + rows.tobytes()).hexdigest()
    figures = {name: value for name, value in sums.items() if name.startswith("server_")}
    return Piece(int(sums["evaluations"]), seconds, digest, actor.server_pid, figures)


def make_worker(index: int, arguments: Any, key: str) -> Callable[[tuple[str, int]], Piece]:
    """What a process with an actor of each mode answers with: asked for (mode, turns), it plays."""
    torch.manual_seed(1)
    game, network = games.make(arguments.game), NetworkConfig(arguments.channels, arguments.blocks)
    inference = InferenceConfig(mode="shared", servers=arguments.servers, groups=arguments.groups)
    server = launcher.Server(key, index % launcher.servers_here(inference), game, network, inference)
    acting = ActorConfig(
        num_simulations=arguments.simulations, concurrent_games=arguments.games, opponent_share=0.0,
        cache_entries=arguments.cache,
    )  # fmt: skip
    weights = {policy_value.PLAYER: policy_value.PolicyValueNet(game, network).state_dict()}
    actors: dict[str, SelfPlayActor] = {}

    def answer(asked: tuple[str, int]) -> Piece:
        mode, turns = asked
        if mode not in actors:
            served = server if mode == "shared" else None
            actors[mode] = SelfPlayActor(
                game, acting, SearchConfig(), network, 1, index, None, arguments.groups, served
            )  # fmt: skip
            actors[mode].set_weights(weights, 0)
        return play(actors[mode], turns)

    return answer


class Group:
    """Processes that play side by side."""

    def __init__(self, side: processes.Processes) -> None:
        self._side = side
        self._servers: set[int] = set()

    def piece(self, mode: str, turns: int) -> dict[str, Any]:
        """Figures of a piece of all processes."""
        before = {pid: harness.processor_time(pid) for pid in self._servers} if mode == "shared" else {}
        began = time.perf_counter()
        pieces: list[Piece] = self._side.ask((mode, turns))
        clock = time.perf_counter() - began
        seconds = sum(piece.seconds for piece in pieces)
        seconds += sum(harness.processor_time(pid) - then for pid, then in before.items())
        self._servers |= {piece.server for piece in pieces if piece.server}
        evaluations = sum(piece.evaluations for piece in pieces)
        requests = sum(piece.figures.get("server_requests", 0.0) for piece in pieces)
        batch = sum(piece.figures.get("server_batch", 0.0) for piece in pieces)
        return {
            "cost": seconds / evaluations, "rate": evaluations / clock, "games": [piece.games for piece in pieces],
            "batch": batch / requests if requests else 0.0,
        }  # fmt: skip


def measure(size: int, arguments: Any) -> dict[str, Any]:
    """Both modes in turns, after a piece of each that is not measured."""
    found: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    with processes.Processes(size, make_worker, arguments, secrets.token_hex(8)) as side:
        group = Group(side)
        for repeat in range(arguments.repeats + 1):
            for mode in MODES:
                piece = group.piece(mode, arguments.turns)
                if repeat:
                    found[mode].append(piece)
    local, shared = found["local"], found["shared"]
    ratios = [a["cost"] / b["cost"] for a, b in zip(local, shared, strict=True)]
    return {
        "processes": size,
        "ratio": harness.median(ratios),
        "ratios": [harness.significant(ratio) for ratio in ratios],
        "same_games": all(a["games"] == b["games"] for a, b in zip(local, shared, strict=True)),
        "microseconds_an_evaluation": {
            mode: harness.median([1e6 * piece["cost"] for piece in found[mode]]) for mode in MODES
        },
        "evaluations_per_second": {mode: harness.median([piece["rate"] for piece in found[mode]]) for mode in MODES},
        "server_batch": harness.median([piece["batch"] for piece in shared]),
    }


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.0, repeats=3)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--simulations", type=int, default=48)
    parser.add_argument("--games", type=int, default=64, help="games at once in each process")
    parser.add_argument("--cache", type=int, default=0, help="positions that each process remembers (default none)")
    parser.add_argument("--turns", type=int, default=40, help="turns of each process in a timed piece, not --seconds")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4, 8], metavar="PROCESSES")
    parser.add_argument("--servers", type=int, help="inference servers (default: one a core, or one a GPU)")
    parser.add_argument("--groups", type=int, default=1, help="groups of games in each process")
    arguments = parser.parse_args()
    harness.start()
    results = [measure(size, arguments) for size in arguments.sizes]
    harness.report(
        "shared_inference", results[-1]["ratio"], "local inference, processor time of an evaluation",
        game=arguments.game, channels=arguments.channels, blocks=arguments.blocks, simulations=arguments.simulations,
        games=arguments.games, turns=arguments.turns, groups=arguments.groups, results=results,
    )  # fmt: skip


if __name__ == "__main__":
    main()
