"""The search's kernels as compiled code: signatures, the cache on disk, plain Python, bounds; and golden numbers."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest
from toy_games import Bandit, Coins

import games
from games import base
from selfplay.search import kernels, search
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import CachedEvaluator, HashEvaluator, UniformEvaluator
from selfplay.search.search import Leaves, Search

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = ["reset_root", "release", "select", "attach", "settle", "expand", "reroot", "read_roots", "depth"]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "signature.json").read_text("utf-8"))
COMPILED = not numba.config.DISABLE_JIT


def _signature() -> ModuleType:
    spec = importlib.util.spec_from_file_location("signature", ROOT / "benchmarks" / "signature.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SIGNATURE = _signature()


class Awkward:
    """Right answers in arrays that compiled code was not compiled for: read-only, Fortran order, float64."""

    def __init__(self, kind: str) -> None:
        self.kind, self.inner = kind, UniformEvaluator()

    def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        prior, wdl = self.inner(leaves)
        if self.kind == "read-only":
            prior.flags.writeable = wdl.flags.writeable = False
            return prior, wdl
        if self.kind == "strided":
            return np.repeat(prior, 2, axis=1)[:, ::2], np.asfortranarray(wdl)
        return prior.astype(np.float64), wdl.astype(np.float64)


def use_everything() -> None:
    """Searches of several games, configurations and kinds of input."""
    for game in (games.make("tic-tac-toe"), games.make("connect-four"), Coins(), Bandit([0.0, 0.5])):
        states = game.initial_states(4)
        for config in (
            SearchConfig(), SearchConfig(policy="gumbel"), SearchConfig(policy="uct", c_uct=1),
            SearchConfig(solve=False, c_puct=2, c_visit=10), SearchConfig(proof_nodes=20),
        ):  # fmt: skip
            for evaluate in (HashEvaluator(game), CachedEvaluator(UniformEvaluator(), game, 64)):
                search.run(game, states, evaluate, config, 12, [np.random.default_rng(i) for i in range(4)])
                if config.policy != "gumbel":
                    several = Search(game, 4, config, 200, 8)
                    search.run(game, states, UniformEvaluator(), config, 200, None, several)
                    assert several.depth(0) >= 0
    game = games.make("connect-four")
    plain = _two_moves(game, game.initial_states(4), np.arange(4), UniformEvaluator())
    states, rows = np.repeat(game.initial_states(4), 2)[::2], np.repeat(np.arange(4, dtype=np.int32), 2)[::2]
    states.flags.writeable = rows.flags.writeable = False
    for kind in ("read-only", "strided", "float64"):
        np.testing.assert_array_equal(_two_moves(game, states, rows, Awkward(kind)), plain)


def _two_moves(game: base.Game, states: np.ndarray, rows: np.ndarray, evaluate: search.Evaluate) -> np.ndarray:
    """[2, 4, K] visits at the root, before and after the fourth action listed."""
    running, visits = Search(game, 4, SearchConfig(), 20), []
    running.reset_root(rows, states, 20)
    for _ in range(2):
        while len(running.finished()) < 4:
            leaves = running.leaves()
            running.expand(leaves, *evaluate(leaves))
        found = running.results(rows)
        visits.append(found.visits)
        moves = found.actions[:, 3].astype(np.int64)
        moves.flags.writeable = False
        running.advance(rows, moves, 20)
    return np.array(visits)


def test_every_kernel_is_listed_here() -> None:
    public = [name for name in vars(kernels) if isinstance(getattr(kernels, name), numba.core.dispatcher.Dispatcher)]
    assert [name for name in public if not name.startswith("_")] == (ENTRIES if COMPILED else [])


def test_each_kernel_compiles_once_for_all_games_and_inputs() -> None:
    use_everything()
    if COMPILED:
        for name in ENTRIES:
            assert len(getattr(kernels, name).signatures) == 1, f"{name}: {getattr(kernels, name).signatures}"


@pytest.mark.parametrize("name", GOLDEN)
def test_the_search_has_its_golden_signature(name: str) -> None:
    """If the search or the game was meant to change: python -m benchmarks.signature > tests/golden/signature.json"""
    if not COMPILED:
        pytest.skip("plain Python rounds scores to float32 in other places, which may turn a close choice")
    assert SIGNATURE.signature(games.make(name)) == GOLDEN[name]


def test_a_signature_depends_on_the_seed() -> None:
    game = games.make("tic-tac-toe")
    assert SIGNATURE.signature(game, count=2) == SIGNATURE.signature(game, count=2)
    assert SIGNATURE.signature(game, count=2) != SIGNATURE.signature(game, count=2, seed=1)


# Fresh processes


def _visits_in_a_fresh_process(**environment: str) -> tuple[list, int]:
    """Visit counts of small searches, and how many kernels came from the cache on disk."""
    code = (
        "import json, games, numpy as np\n"
        "from games.notation import Notation\n"
        "from selfplay.search import kernels, proof_kernels, search\n"
        "from selfplay.search.evaluators import HashEvaluator\n"
        "game = games.make('tic-tac-toe')\n"
        "states, evaluate = game.initial_states(2), HashEvaluator(game)\n"
        "configs = [search.SearchConfig(policy=policy) for policy in ('puct', 'gumbel', 'uct')]\n"
        "noise = [[np.random.default_rng(i) for i in range(2)] for _ in configs]\n"
        "visits = [search.run(game, states, evaluate, config, 25, rngs).visits.tolist()\n"
        "          for config, rngs in zip(configs, noise)]\n"
        "several = search.Search(game, 2, configs[2], 25, 4)\n"
        "visits.append(search.run(game, states, evaluate, configs[2], 25, None, several).visits.tolist())\n"
        "visits.append(int(several.depth(0)))\n"
        "four = games.make('connect-four')\n"
        "late = games.facet(four, Notation).state_after('44444412356712').repeat(2)\n"
        "proving = search.SearchConfig(proof_nodes=20, root_proof_nodes=50)\n"
        "visits.append(search.run(four, late, HashEvaluator(four), proving, 25).visits.tolist())\n"
        f"used = [getattr(kernels, name) for name in {ENTRIES!r} if name != 'reroot']\n"
        "used.append(proof_kernels.compiled(four.state_dtype, proof_kernels.word_of(four)))\n"
        "hits = sum(sum(kernel.stats.cache_hits.values()) for kernel in used if hasattr(kernel, 'stats'))\n"
        "print(json.dumps([visits, hits]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
    visits, hits = json.loads(done.stdout)
    return visits, hits


def test_plain_python_finds_what_compiled_code_finds() -> None:
    plain = _visits_in_a_fresh_process(NUMBA_DISABLE_JIT="1")[0]
    assert plain == _visits_in_a_fresh_process(NUMBA_DISABLE_JIT="0")[0]


@pytest.mark.slow
@pytest.mark.timeout(600)  # it compiles everything anew, perhaps on a busy machine
def test_kernels_loaded_from_disk_find_what_freshly_compiled_ones_find(tmp_path: Path) -> None:
    """Code that runs when compiled can still crash when it is loaded by the next process."""
    compiled, first_hits = _visits_in_a_fresh_process(NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0")
    loaded, hits = _visits_in_a_fresh_process(NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0")
    assert (first_hits, hits) == (0, len(ENTRIES) - 1 + 1)  # without reroot, and with proofs
    assert loaded == compiled


@pytest.mark.slow
@pytest.mark.timeout(600)  # it compiles everything anew, perhaps on a busy machine
def test_kernels_stay_within_their_arrays(tmp_path: Path) -> None:
    """The search's tests once more with bounds checks. They need a cache of their own: Numba's does not tell code with
    checks from code without."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/search/test_search.py"],
        cwd=ROOT, env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
