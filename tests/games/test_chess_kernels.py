"""Chess's compiled code as such: one signature a kernel, the same answers from the cache and without compiling."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from facets import knowledge_of, notation_of
from numba import config as numba_config

from games.chess import history, kernels, playout_kernels, rules

ROOT = Path(__file__).resolve().parents[2]

# Says what the game answers along some random games, as one digest, and how much was compiled.
SCRIPT = """
import hashlib, sys
import numpy as np
from games.checks import random_play as sample
from games.chess import history, kernels, knowledge, playout_kernels, rules
game, digest = rules.Chess(history_length=3), hashlib.sha256()
for played in sample.random_games(game, np.random.default_rng(3), 2):
    states = played.states[: int(sys.argv[1])]
    for answer in (*game.legal_actions(states), game.observe(states), game.key(states), game.position_key(states)):
        digest.update(np.ascontiguousarray(answer).tobytes())
    for name in game.state_dtype.names:
        digest.update(states[name].tobytes())
counts = knowledge.ChessKnowledge(game)
for number in (0, 518, 959):
    digest.update(str([counts.perft(game.chess960_states([number])[0], depth) for depth in (1, 2)]).encode())
digest.update(str(counts.perft(game.initial_states(1)[0], 2, bulk=False)).encode())
digest.update(game.playouts(game.chess960_states([0, 518]), np.arange(2)).tobytes())
hits = sum(sum(kernel.stats.cache_hits.values()) for kernel in (kernels.advance, kernels.legal_actions, kernels.perft,
           history.judge, history.observe, history.zobrist, playout_kernels.play_out)) if len(sys.argv) > 2 else 0
print(digest.hexdigest(), hits)
"""


def answers(cache: Path, plies: int, count_hits: bool, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(plies), *(["hits"] if count_hits else [])], cwd=ROOT, capture_output=True,
        text=True, timeout=300, env={**os.environ, "NUMBA_CACHE_DIR": str(cache), **environment}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout.split()


@pytest.mark.slow  # compiles everything anew in processes of its own
@pytest.mark.timeout(400)
@pytest.mark.skipif(bool(numba_config.DISABLE_JIT), reason="nothing is compiled")
def test_kernels_from_the_cache_answer_as_freshly_compiled_ones(tmp_path: Path) -> None:
    """A cache has crashed or lied before: hence new processes, and one that loads what another has compiled."""
    fresh, hits = answers(tmp_path, 60, True)
    assert hits == "0"
    for _ in range(2):
        assert answers(tmp_path, 60, True) == [fresh, "7"]


@pytest.mark.slow  # compiles everything anew in processes of its own
def test_kernels_answer_alike_compiled_and_as_plain_python(tmp_path: Path) -> None:
    compiled, _ = answers(Path(os.environ.get("NUMBA_CACHE_DIR", tmp_path)), 12, False)
    plain, _ = answers(tmp_path, 12, False, NUMBA_DISABLE_JIT="1")
    assert compiled == plain


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(bool(numba_config.DISABLE_JIT), reason="nothing is compiled")
def test_kernels_stay_inside_their_arrays(tmp_path: Path) -> None:
    checked, _ = answers(tmp_path, 400, False, NUMBA_BOUNDSCHECK="1")
    assert answers(tmp_path / "unchecked", 400, False)[0] == checked


@pytest.mark.skipif(bool(numba_config.DISABLE_JIT), reason="nothing is compiled")
def test_each_kernel_is_compiled_once() -> None:
    """Read-only, strided and int64 input must not add signatures: each costs seconds and a file in the cache."""
    game = rules.Chess()
    states = np.repeat(game.initial_states(4), 2)
    states.flags.writeable = False
    first = np.full(8, 34)
    for view in (states, states[::2], states.copy()):
        for kind in (np.int64, np.int32):
            game.step(view, first[: len(view)].astype(kind))
        game.legal_actions(view)
        game.observe(view)
        game.key(view)
        game.settled(view)
        game.playouts(view, np.arange(8)[:: 8 // len(view)], np.zeros(len(view), dtype=np.int32))
        knowledge_of(game).perft(view[0], np.int64(2))
        knowledge_of(game).perft(view[0], 3, bulk=False)
    names = [kernels.advance, kernels.legal_actions, kernels.perft, history.judge, history.observe, history.zobrist]
    for kernel in (*names, history.distinguish, playout_kernels.play_out):
        assert len(kernel.signatures) == 1, kernel.__name__


def test_positions_inside_packed_rows_are_read_right() -> None:
    """A replay row may put a position at an odd address, where compiled code must not look without a copy."""
    game = rules.Chess()
    states = np.concatenate([notation_of(game).state_after(moves) for moves in ("", "e2e4", "e2e4 c7c5 g1f3")])
    rows = np.zeros(len(states), dtype=[("tag", "u1"), ("state", game.state_dtype)])
    rows["state"] = states
    packed = rows["state"]
    assert not packed.flags.aligned
    actions = game.legal_actions(states)[0]
    assert np.array_equal(game.legal_actions(packed)[0], actions)
    assert np.array_equal(game.observe(packed), game.observe(states))
    assert np.array_equal(game.key(packed), game.key(states))
    stepped, expected = game.step(packed, actions[:, 0]).states, game.step(states, actions[:, 0]).states
    assert all(np.array_equal(stepped[name], expected[name]) for name in game.state_dtype.names)
