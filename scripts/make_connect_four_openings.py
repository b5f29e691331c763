"""Builds games/connect_four/openings.npz: win, draw or loss of every connect-four opening up to a ply.

It solves level after level with one big transposition table and writes the file after each complete level. Beginning
at the start position costs next to nothing: whatever is proved on the way about later openings stays in the table.
Each level is checked against the one before. Interrupted, it goes on where it stopped: solved positions are kept in a
`.part.npz` beside the output until all is done.

Our own solver needs hours from ply 3 on. With --oracle another program gives the values: it reads move strings, one a
line, and answers 1, 0 or -1 for the side to move. The packaged table was made so, in a minute; its levels agree with
each other by minimax, and --check solves some of its positions again with our own solver.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import time
from pathlib import Path

import numpy as np

from games.connect_four import solver

Position = tuple[int, int]

EXAMPLE = """example:
  python scripts/make_connect_four_openings.py --plies 3 --table-bits 28
  python scripts/make_connect_four_openings.py --plies 7 --oracle "ORACLE_ENV/bin/python scripts/connect_four_oracle.py"
  python scripts/make_connect_four_openings.py --check 50

28 bits take 2 GiB of memory; up to mirror image ply 3 has 121 positions, ply 5 2,144, ply 7 27,257"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plies", type=int, default=3, help="deepest ply of the table (default 3)")
    parser.add_argument("--table-bits", type=int, default=27, help="transposition table: 2^N entries of 8 bytes")
    parser.add_argument("--output", type=Path, default=solver.OPENINGS_FILE, help="file to write (default: packaged)")
    parser.add_argument("--save-every", type=float, default=30.0, help="seconds between saves of solved positions")
    parser.add_argument("--oracle", metavar="COMMAND", help="another solver, in a process of its own")
    parser.add_argument("--check", type=int, metavar="N", help="solve N positions of the deepest ply again, and stop")
    arguments = parser.parse_args()

    if arguments.check:
        check_table(arguments.output, arguments.check, arguments.table_bits)
        return
    part = arguments.output.with_suffix(".part.npz")
    engine = solver.Solver(arguments.table_bits, openings=solver.NO_OPENINGS)
    values = read_part(part)
    levels = enumerate_openings(arguments.plies)
    for ply, level in enumerate(levels):
        if arguments.oracle:
            ask_oracle(level, values, arguments.oracle)
        else:
            solve_level(ply, level, engine, values, part, arguments.save_every)
        if ply > 0:
            check_minimax(levels[ply - 1], values)
        write_table(arguments.output, ply, [key for earlier in levels[: ply + 1] for key in earlier], values)
    part.unlink(missing_ok=True)


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
    ply: int, level: dict[int, Position], engine: solver.Solver, values: dict[int, int], part: Path, save_every: float
) -> None:
    """Adds the value of each position of the level to `values`, by canonical key, and saves them to the part file."""
    to_do = [(key, position) for key, position in level.items() if key not in values]
    began = saved = time.monotonic()
    for done, (key, position) in enumerate(to_do, start=1):
        values[key] = engine.value(*position)
        now = time.monotonic()
        if now - saved >= save_every or done == len(to_do):
            save_part(part, values)
            saved = now
            to_go = (now - began) / done * (len(to_do) - done)
            print(
                f"ply {ply}: {len(to_do) - done} of {len(level)} positions left, {engine.nodes / 1e9:.2f} G nodes,"
                f" {now - began:.0f} s, about {to_go / 60:.0f} min to go",
                flush=True,
            )


def ask_oracle(level: dict[int, Position], values: dict[int, int], command: str) -> None:
    """Adds the value of each position of the level to `values`, as another program gives them."""
    lines = "".join(moves_to(position) + "\n" for position in level.values())
    done = subprocess.run(shlex.split(command), input=lines, capture_output=True, text=True, check=True)
    values |= dict(zip(level, map(int, done.stdout.split()), strict=True))


def moves_to(position: Position) -> str:
    """A game that leads to the position, columns as digits 1 to 7. The stones are taken off again, the last one first;
    the search is small, since openings have few stones."""
    if position == (0, 0):
        return ""
    own, mask = position
    for column in range(solver.COLUMNS):
        stack = mask >> (7 * column) & 0b111111
        top = (stack + 1 >> 1) << (7 * column)
        if stack and not own & top:  # the last stone is the other side's
            before = (own ^ mask ^ top, mask ^ top)
            if not solver.has_four(before[0]) and not solver.has_four(own) and (moves := _find(before)) is not None:
                return moves + str(column + 1)
    raise ValueError(f"no game leads to {position}")


def _find(position: Position) -> str | None:
    try:
        return moves_to(position)
    except ValueError:
        return None


def check_table(path: Path, number: int, table_bits: int) -> None:
    """Solves `number` random positions of the table's deepest ply again with our own solver."""
    with np.load(path, allow_pickle=False) as file:
        plies, table = int(file["plies"]), dict(zip(file["keys"].tolist(), file["values"].tolist(), strict=True))
    engine = solver.Solver(table_bits, openings=solver.NO_OPENINGS)
    level = list(enumerate_openings(plies)[-1].items())
    chosen = np.random.default_rng(0).permutation(len(level))[:number]
    for done, index in enumerate(chosen, start=1):
        key, position = level[index]
        found = engine.value(*position)
        assert found == table[key], f"{moves_to(position)}: the table says {table[key]}, our solver {found}"
        print(f"{done} of {number} agree; the last one: {moves_to(position)} is worth {found}", flush=True)


def check_minimax(level: dict[int, Position], values: dict[int, int]) -> None:
    """Asserts that each position of the level is worth its best move."""
    for key, position in level.items():
        assert values[key] == max(-_value_of_child(child, values) for child in children(position)), position


def _value_of_child(child: Position, values: dict[int, int]) -> int:
    if solver.is_over(*child):
        return -1 if solver.has_four(child[0] ^ child[1]) else 0
    return values[solver.canonical_key(*child)]


def write_table(path: Path, plies: int, keys: list[int], values: dict[int, int]) -> None:
    """Writes the table of all openings up to a ply."""
    keys = sorted(keys)
    write_npz(
        path,
        plies=np.array(plies, np.int64),
        keys=np.array(keys, np.uint64),
        values=np.array([values[key] for key in keys], np.int8),
    )
    print(f"{path}: {len(keys)} positions up to ply {plies}, {path.stat().st_size} bytes", flush=True)


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
        np.savez_compressed(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


if __name__ == "__main__":
    main()
