"""Self-play of ours beside that of others, in turns on one core: positions searched a second of processor time.

    benchmarks/peers/setup.sh pgx-mctx                     once, and so for the other peers
    python benchmarks/peers/run.py --simulations 64 100 400 --seconds 4 --repeats 3 --out peers.json --png peers.png
    python benchmarks/peers/run.py --join a.json b.json --png peers.png

Connect four from the start, a residual network of 64×5 without training everywhere; ours in the number format that
self-play has on this processor, the others in float32. Each peer is a process in an environment of its own, on the same
core. A piece of each, then again a piece of each: a ratio is the median of ours over theirs in the same turn. What is
not installed is left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import harness  # noqa: E402

ENVIRONMENTS = Path(os.environ.get("SELFPLAY_PEERS", Path.home() / ".cache/selfplay/peers"))
OURS, CACHED = "selfplay, no cache", "selfplay"
PEERS = {"pgx-mctx": "pgx_mctx.py", "openspiel": "openspiel_mcts.py", "alpha-zero-general": "alpha_zero_general.py"}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}  # fmt: skip


class Peer:
    """A process that plays when it is asked to; see protocol.py."""

    def __init__(self, name: str, command: list[str], core: int | None, environment: dict[str, str]) -> None:
        bind = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.name = name
        self._process = subprocess.Popen(
            command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=bind,
            env=os.environ | environment,
        )  # fmt: skip
        self.about: dict[str, Any] = {}

    def greet(self) -> None:
        """Waits until it is ready."""
        self.about = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # others are what a library prints
                found: dict[str, Any] = json.loads(line)
                return found
        raise SystemExit(f"{self.name} has ended (exit code {self._process.wait()}); what it said is above.")

    def piece(self, simulations: int, seconds: float) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"simulations": simulations, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def start(names: list[str], core: int | None, checkout: Path | None) -> tuple[list[Peer], list[str]]:
    """(processes that are ready, names of the peers that are not installed)."""
    commands = {OURS: [sys.executable, "ours.py"], CACHED: [sys.executable, "ours.py", "cache"]}
    missing = []
    for name in names:
        python = ENVIRONMENTS / name / "bin/python"
        if not python.exists() or (name == "alpha-zero-general" and checkout is None):
            missing.append(name)
        else:
            commands[name] = [str(python), PEERS[name]]
    environment = dict(ONE_THREAD)
    if checkout is not None:
        environment["ALPHA_ZERO_GENERAL"] = str(checkout)
    peers = [Peer(name, command, core, environment) for name, command in commands.items()]
    for peer in peers:
        peer.greet()
    return peers, missing


def measure(peers: list[Peer], simulations: int, seconds: float, repeats: int) -> list[dict[str, Any]]:
    """A row for each peer, after a piece of each that only warms up."""
    pieces: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    for turn in range(repeats + 1):
        for peer in peers:
            print(f"{simulations} simulations, {peer.name}, {turn} of {repeats}", file=sys.stderr, flush=True)
            found = peer.piece(simulations, seconds if turn else seconds / 4)
            if turn:
                pieces[peer.name].append(found)
    rates = {name: _rates(found) for name, found in pieces.items()}
    return [
        {
            "peer": peer.name, "simulations": simulations, "positions_per_second": harness.median(rates[peer.name]),
            "pieces": [harness.significant(rate) for rate in rates[peer.name]],
            "evaluations_per_position": harness.significant(_each(pieces[peer.name])),
            "evaluations_per_second": harness.significant(
                sum(one["evaluations"] for one in pieces[peer.name]) / sum(one["seconds"] for one in pieces[peer.name])
            ),
            "ours_over_it": harness.ratio(rates[OURS], rates[peer.name]),
            "ours_cached_over_it": harness.ratio(rates[CACHED], rates[peer.name]),
            "batch": peer.about["batch"], "versions": peer.about["versions"],
        }
        for peer in peers
    ]  # fmt: skip


def _each(pieces: list[dict[str, float]]) -> float:
    """Evaluations a position."""
    return sum(one["evaluations"] for one in pieces) / max(sum(one["positions"] for one in pieces), 1.0)


def _rates(pieces: list[dict[str, float]]) -> list[float]:
    """Positions a second of each piece, by its evaluations: where many games are played at once, moves come in
    bursts."""
    return [one["evaluations"] / _each(pieces) / one["seconds"] for one in pieces]


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| simulations | | positions/s (pieces) | evaluations a position | ours / it, no cache | ours / it |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        pieces = ", ".join(f"{rate:g}" for rate in row["pieces"])
        lines.append(
            f"| {row['simulations']} | {row['peer']} | {row['positions_per_second']:g} ({pieces}) | "
            f"{row['evaluations_per_position']:g} | {row['ours_over_it']:.2f} | {row['ours_cached_over_it']:.2f} |"
        )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Bars of positions a second, least and greatest piece as lines, on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(row["peer"] for row in rows))
    numbers = sorted({row["simulations"] for row in rows})
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        mine = {row["simulations"]: row for row in rows if row["peer"] == name}
        at = [index + (place - (len(names) - 1) / 2) * width for index, number in enumerate(numbers) if number in mine]
        own = [mine[number] for number in numbers if number in mine]
        height = [statistics.median(row["pieces"]) for row in own]
        spread = [
            [tall - min(row["pieces"]) for tall, row in zip(height, own, strict=True)],
            [max(row["pieces"]) - tall for tall, row in zip(height, own, strict=True)],
        ]
        axes.bar(at, height, width, yerr=spread, capsize=2, label=name)
    axes.set_yscale("log")
    axes.set_xticks(range(len(numbers)), [f"{number} simulations" for number in numbers])
    axes.set_ylabel("positions a second of one core")
    axes.set_title("Self-play, connect four, network 64×5")
    axes.legend(fontsize="small")
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = harness.parser(__doc__, seconds=4.0, repeats=3)
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS), metavar="NAME")
    parser.add_argument("--simulations", nargs="+", type=int, default=[64, 100, 400], metavar="N")
    parser.add_argument("--core", type=int, help="the core that all run on (default: the first that may be used)")
    parser.add_argument("--alpha-zero-general", type=Path, metavar="FOLDER", help="a checkout of it")
    parser.add_argument(
        "--join", nargs="+", type=Path, metavar="FILE", help="results to put together, measuring nothing"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    parser.add_argument("--png", type=Path, metavar="FILE.png")
    arguments = parser.parse_args()
    rows, missing = _joined(arguments) if arguments.join else _measured(arguments)
    print(table(rows), file=sys.stderr)
    if arguments.out:
        arguments.out.write_text(json.dumps({"results": rows, "missing": missing}, indent=1) + "\n")
    if arguments.png:
        draw(rows, arguments.png)
    others = [row for row in rows if row["peer"] not in (OURS, CACHED)] or rows
    headline = others[0]
    harness.report(
        "peers", headline["ours_over_it"], f"self-play of {headline['peer']}, positions per second of processor time",
        ratio_of={key: headline[key] for key in ("peer", "simulations")}, results=rows, missing=missing,
    )  # fmt: skip


def _joined(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    found = [json.loads(file.read_text()) for file in arguments.join]
    missing = sorted({name for one in found for name in one["missing"]})
    return sorted((row for one in found for row in one["results"]), key=lambda row: row["simulations"]), missing


def _measured(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    core = arguments.core
    if core is None and hasattr(os, "sched_getaffinity"):
        core = min(os.sched_getaffinity(0))
    checkout = arguments.alpha_zero_general
    peers, missing = start(arguments.peers, core, checkout.resolve() if checkout is not None else None)
    try:
        rows = [
            row for number in arguments.simulations
            for row in measure(peers, number, arguments.seconds, arguments.repeats)
        ]  # fmt: skip
    finally:
        for peer in peers:
            peer.close()
    return rows, missing


if __name__ == "__main__":
    main()
