"""Builds games/connect_four/eval_set.npz: 600 random connect-four positions with exact values of their moves.

For each stage of the game it plays uniformly random legal games to a random ply of the stage, drops finished and
repeated positions (mirror images count as repeated), and labels the rest with the solver. Positions in which no move
is a mistake are kept only while they are fewer than 80, so that at least 120 of 200 can be played wrongly. Labels are
kept in a `.part.npz` as it goes; the same seed gives the same file, interrupted or not.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from games.connect_four import knowledge, solver

POSITIONS_PER_STAGE = 200
MOST_WITHOUT_MISTAKE = 80

EXAMPLE = """example:
  python scripts/make_connect_four_eval_set.py --seed 1 --table-bits 24"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random games (default 1)")
    parser.add_argument("--table-bits", type=int, default=24, help="transposition table: 2^N entries of 8 bytes")
    parser.add_argument("--output", type=Path, default=knowledge.EVAL_SET_FILE, help="file to write")
    arguments = parser.parse_args()

    part = arguments.output.with_suffix(".part.npz")
    labels = read_labels(part)
    engine = solver.Solver(arguments.table_bits)
    rows = []
    for stage, rng in enumerate(np.random.default_rng(arguments.seed).spawn(len(knowledge.STAGE_NAMES))):
        rows += collect_stage(stage, rng, engine, labels, part)
    own, mask, stages, values, moves = zip(*rows, strict=True)
    write_npz(
        arguments.output,
        own=np.array(own, np.uint64),
        mask=np.array(mask, np.uint64),
        stage=np.array(stages, np.int8),
        values=np.array(values, np.int8),
        moves=np.array(moves),
    )
    part.unlink(missing_ok=True)
    print(f"{arguments.output}: {len(rows)} positions, {arguments.output.stat().st_size} bytes")


def collect_stage(
    stage: int, rng: np.random.Generator, engine: solver.Solver, labels: dict[str, np.ndarray], part: Path
) -> list[tuple]:
    """The rows (own, mask, stage, values, moves) of one stage. Adds to `labels` and saves them to `part`."""
    first, last = knowledge.STAGE_PLIES[stage]
    rows: list[tuple] = []
    seen: set[int] = set()
    without_mistake = 0
    began = saved = time.monotonic()
    while len(rows) < POSITIONS_PER_STAGE:
        moves = random_game(rng, int(rng.integers(first, last + 1)))
        own, mask = solver.position_from_moves(moves)
        key = solver.canonical_key(own, mask)
        if solver.is_over(own, mask) or key in seen:
            continue
        seen.add(key)
        if moves not in labels:
            labels[moves] = engine.move_values(own, mask)
        if not can_go_wrong(labels[moves]):
            if without_mistake == MOST_WITHOUT_MISTAKE:
                continue
            without_mistake += 1
        rows.append((own, mask, stage, labels[moves], moves))
        now = time.monotonic()
        if now - saved > 10 or len(rows) == POSITIONS_PER_STAGE:
            saved = now
            write_npz(part, moves=np.array(list(labels)), values=np.array(list(labels.values()), np.int8))
            to_go = (now - began) / len(rows) * (POSITIONS_PER_STAGE - len(rows))
            print(
                f"{knowledge.STAGE_NAMES[stage]}: {len(rows)} of {POSITIONS_PER_STAGE}, {without_mistake} of them"
                f" without a mistake to make, {engine.nodes / 1e9:.2f} G nodes, about {to_go:.0f} s to go",
                flush=True,
            )
    return rows


def random_game(rng: np.random.Generator, plies: int) -> str:
    """The moves of a uniformly random legal game, to this ply or to its end."""
    own = mask = 0
    moves = ""
    while len(moves) < plies and not solver.is_over(own, mask):
        column = int(rng.choice([c for c in range(solver.COLUMNS) if solver.is_playable(mask, c)]))
        own, mask = solver.play(own, mask, column)
        moves += str(column + 1)
    return moves


def can_go_wrong(values: np.ndarray) -> bool:
    """Whether some legal move is worse than the best. values: [7] int8."""
    legal = values[values != solver.ILLEGAL]
    return bool(legal.min() < legal.max())


def read_labels(part: Path) -> dict[str, np.ndarray]:
    """Labels of an earlier run, by moves; empty if there was none. Labels do not depend on the seed."""
    if not part.exists():
        return {}
    with np.load(part, allow_pickle=False) as file:
        return dict(zip(file["moves"].tolist(), file["values"], strict=True))


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
