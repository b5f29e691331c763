"""Builds games/connect_four/openings.npz: win, draw or loss of every connect-four opening up to a ply.

It solves the positions of the deepest ply one by one with one big transposition table, works out the earlier plies
from their children, and writes one file. Interrupted, it goes on where it stopped: solved positions are kept in a
`.part.npz` beside the output until the table is complete.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from games.connect_four import solver

Position = tuple[int, int]

EXAMPLE = """example:
  python scripts/make_connect_four_openings.py --plies 5 --table-bits 27

takes 1 GiB of memory; ply 4 has 560 positions up to mirror image, ply 5 about 2,100, ply 6 about 8,200"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plies", type=int, default=5, help="deepest ply of the table (default 5)")
    parser.add_argument("--table-bits", type=int, default=27, help="transposition table: 2^N entries of 8 bytes")
    parser.add_argument("--output", type=Path, default=solver.OPENINGS_FILE, help="file to write (default: packaged)")
    parser.add_argument("--save-every", type=float, default=30.0, help="seconds between saves of the part file")
    arguments = parser.parse_args()

    levels = enumerate_openings(arguments.plies)
    part = arguments.output.with_suffix(".part.npz")
    deepest = solve_level(levels[-1], solver.Solver(arguments.table_bits, openings=solver.NO_OPENINGS), part, arguments)
    values = minimax_upwards(levels, deepest)
    keys = np.array(sorted(values), np.uint64)
    write_npz(
        arguments.output,
        plies=np.int64(arguments.plies),
        keys=keys,
        values=np.array([values[int(key)] for key in keys], np.int8),
    )
    part.unlink(missing_ok=True)
    print(f"{arguments.output}: {len(keys)} positions, {arguments.output.stat().st_size} bytes")


def enumerate_openings(plies: int) -> list[dict[int, Position]]:
    """For each ply 0..plies the positions that are not over, one of each mirror pair, by canonical key.

    The order follows the parents', so that neighbours have much of their trees in common.
    """
    levels = [{solver.canonical_key(0, 0): (0, 0)}]
    for _ in range(plies):
        level: dict[int, Position] = {}
        for position in levels[-1].values():
            for child in children(position):
                if not solver.is_over(*child):
                    level.setdefault(solver.canonical_key(*child), child)
        levels.append(level)
    return levels


def children(position: Position) -> list[Position]:
    """The positions after each move, finished games included."""
    own, mask = position
    return [solver.play(own, mask, c) for c in range(solver.COLUMNS) if solver.is_playable(mask, c)]


def solve_level(
    level: dict[int, Position], engine: solver.Solver, part: Path, arguments: argparse.Namespace
) -> dict[int, int]:
    """The value of each position, by canonical key; takes up and keeps up the part file."""
    values = read_part(part)
    to_do = [(key, position) for key, position in level.items() if key not in values]
    began = saved = time.monotonic()
    for done, (key, position) in enumerate(to_do, start=1):
        values[key] = engine.value(*position)
        now = time.monotonic()
        if now - saved >= arguments.save_every:
            save_part(part, values)
            saved = now
            rate = done / (now - began)
            print(
                f"{len(to_do) - done} of {len(level)} left, {engine.nodes / 1e9:.2f} G nodes,"
                f" {engine.nodes / (now - began) / 1e6:.1f} M nodes/s, {now - began:.0f} s,"
                f" about {(len(to_do) - done) / rate / 60:.0f} min to go",
                flush=True,
            )
    save_part(part, values)
    return {key: values[key] for key in level}


def minimax_upwards(levels: list[dict[int, Position]], deepest: dict[int, int]) -> dict[int, int]:
    """Values of all levels from those of the deepest."""
    values = dict(deepest)
    for level in reversed(levels[:-1]):
        for key, position in level.items():
            values[key] = max(-_value_of_child(child, values) for child in children(position))
    return values


def _value_of_child(child: Position, values: dict[int, int]) -> int:
    if solver.is_over(*child):
        return -1 if solver.has_four(child[0] ^ child[1]) else 0
    return values[solver.canonical_key(*child)]


def read_part(part: Path) -> dict[int, int]:
    """Solved positions of an earlier run, of whatever ply; empty if there was none."""
    if not part.exists():
        return {}
    with np.load(part, allow_pickle=False) as file:
        return dict(zip(file["keys"].tolist(), file["values"].tolist(), strict=True))


def save_part(part: Path, values: dict[int, int]) -> None:
    """Writes the part file."""
    write_npz(part, keys=np.array(list(values), np.uint64), values=np.array(list(values.values()), np.int8))


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Writes beside, syncs, renames: killed at any instant, the old file or the new one is there."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        np.savez_compressed(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


if __name__ == "__main__":
    main()
