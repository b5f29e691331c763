"""Who may import whom, read from the source: every import counts, lazy and typing ones included.

cli → serve, play → players → networks, search → games.base
alphazero, gan → loop → league → learning → storage; ratings → league; alphazero → players
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
MAX_FILES = 14  # of Python in one folder, its __init__ included
LONGER = {
    # Kernels that call each other share a file: Numba's cache sees no other.
    "selfplay.search.kernels": 570,
    "games.chess.kernels": 510,
}

# What a package may import of ours besides itself: packages, or single modules. "games" alone is its table of names.
PLAIN = tuple(f"selfplay.{name}" for name in ("errors", "types", "display", "config", "device", "cores"))
CORE = (*PLAIN, "selfplay.storage", "selfplay.agent", "selfplay.drift")
RULES = ("games", "games.base")
BOARD_GAMES = (
    *RULES,
    "games.notation",
    "games.protocols",
    "games.appearance",
    "games.knowledge",
    "games.text",
    "games.endgames",
    "games.scored_positions",
)
LEARNING = ("selfplay.league", "selfplay.learning", "selfplay.ratings", "selfplay.loop")
PLAYING = ("selfplay.search", "selfplay.networks", "selfplay.players")
TRAINING = ("selfplay.presets", "selfplay.gan.load")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "games": ("games",),
    "selfplay.errors": (),
    "selfplay.types": ("selfplay.errors",),
    "selfplay.display": ("selfplay.errors",),
    "selfplay.config": ("selfplay.errors",),
    "selfplay.device": ("selfplay.errors",),
    "selfplay.cores": (),
    "selfplay.storage": ("selfplay.errors", "selfplay.types"),
    "selfplay.agent": (*PLAIN, "selfplay.drift", "selfplay.learning"),
    "selfplay.learning": CORE,
    "selfplay.league": (*CORE, "selfplay.learning"),
    "selfplay.ratings": (*CORE, "selfplay.league"),
    "selfplay.loop": (*CORE, "selfplay.learning", "selfplay.league", "selfplay.ratings"),
    "selfplay.drift": (),
    "selfplay.drift.tables": ("selfplay.errors", "selfplay.storage", "selfplay.drift"),
    "selfplay.drift.monitor": ("selfplay.drift", "selfplay.types"),
    "selfplay.drift.events": ("selfplay.drift", "selfplay.storage"),
    "selfplay.drift.watching": ("selfplay.drift", "selfplay.types", "selfplay.storage"),
    "selfplay.datasets": ("selfplay.errors", "selfplay.config"),
    "selfplay.search": ("selfplay.errors", "selfplay.config", "games.base"),
    "selfplay.networks": (
        *(f"selfplay.{name}" for name in ("errors", "config", "device", "cores", "search")),
        "games.base",
    ),
    "selfplay.players": (*CORE, *BOARD_GAMES, *PLAYING, "selfplay.ratings", "selfplay.league"),
    "selfplay.presets": (*PLAIN, "selfplay.storage.records", "selfplay.storage.bounded", "games"),
    "selfplay.verify": (*CORE, "selfplay.league", "selfplay.ratings", "selfplay.loop"),
    "selfplay.report": (*CORE, *LEARNING, "selfplay.presets"),
    "selfplay.play": (*CORE, *BOARD_GAMES, *PLAYING),
    "selfplay.serve": (*CORE, *BOARD_GAMES, *PLAYING),
    "selfplay.alphazero": (*CORE, *RULES, "games.knowledge", *LEARNING, *PLAYING),
    "selfplay.gan": (*CORE, *LEARNING, "selfplay.datasets"),
    "selfplay.supervised": (*CORE, *LEARNING, "selfplay.datasets"),
    "selfplay.gan.data.positions": (*CORE, *RULES, "games.knowledge", "selfplay.datasets", "selfplay.gan"),
    "selfplay.sweeps": (*CORE, *BOARD_GAMES, *LEARNING, *PLAYING, "selfplay.presets", "selfplay.alphazero.evaluation"),
    "selfplay.bench": (*CORE, *RULES, *LEARNING, *PLAYING, "selfplay.alphazero"),
    "selfplay.api": (*CORE, *BOARD_GAMES, *LEARNING, *PLAYING, *TRAINING, "selfplay.cli.live"),
    "selfplay.adapters": ("selfplay.errors", *RULES, "games.knowledge", "games.notation"),
    "selfplay.cli": ("games", "selfplay"),
    "selfplay.__main__": ("selfplay.cli",),
    "selfplay": ("games", "selfplay"),  # the public API, lazily
}

# Third parties that have one place, and ours that must stay light. Names are module prefixes.
ONLY_IN = {
    "ray": ("selfplay.loop.nodes.connection", "selfplay.loop.nodes.keeper", "selfplay.loop.nodes.relay"),
    "tensorboard": ("selfplay.loop.metrics",),
    "torch.utils.tensorboard": ("selfplay.loop.metrics",),
    "numba": ("games", "selfplay.search.kernels", "selfplay.search.proof_kernels", "selfplay.networks.fused"),
    "llvmlite": ("selfplay.networks.fused.convolution",),
    "chess": ("games.chess",),
    "pyspiel": ("selfplay.adapters.open_spiel",),
    "pettingzoo": ("selfplay.adapters.pettingzoo",),
    "pyarrow": ("selfplay.drift.tables.files.parquet_table",),
    "pandas": ("selfplay.api.frames", "selfplay.api.tournaments", "selfplay.api.training"),
}
NEVER_IN = {
    "torch": ("games", "selfplay.datasets", "selfplay.drift", "selfplay.search", "selfplay.ratings"),
    "ray": ("games", "selfplay.drift"),
    "numba": ("selfplay.drift",),
}
HEAVY = ("torch", "numba", "ray", "numpy", "scipy", "matplotlib", "tensorboard", "chess")


class Import(NamedTuple):
    target: str  # dotted; for `from a import b` it is a.b, whatever b is
    line: int
    at_load: bool  # runs when the module is imported: not inside a function, not for type checkers only


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for package in ("games", "selfplay") for path in sorted((ROOT / package).rglob("*.py"))}
TREES = {module: ast.parse(path.read_text("utf-8")) for module, path in SOURCES.items()}
PACKAGES = {module for module, path in SOURCES.items() if path.name == "__init__.py"}


def within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def own_module(target: str) -> str | None:
    """The module of ours that a dotted name lies in, the longest that exists; None for third parties."""
    if not within(target, "games", "selfplay"):
        return None
    while target not in SOURCES and "." in target:
        target = target.rpartition(".")[0]
    return target


def imports_of(module: str, tree: ast.AST) -> list[Import]:
    found: list[Import] = []
    package = module if module in PACKAGES else module.rpartition(".")[0]

    def visit(node: ast.AST, at_load: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found.extend(Import(f"{origin}.{alias.name}", node.lineno, at_load) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                visit(child, False)
            for child in node.orelse:
                visit(child, at_load)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, at_load and not inside)

    visit(tree, True)
    return found


def owner(module: str, table: dict[str, tuple[str, ...]]) -> str:
    """The longest entry of a table that a module lies in."""
    return max((name for name in table if within(module, name)), key=len)


def may_import(module: str, target: str) -> bool:
    """Whether `module` may import `target`, both of ours; target may be a name inside a module."""
    mine = owner(module, MAY_IMPORT)
    aimed = own_module(target)
    if within(module, "games") and not within(module, *GAMES_OF_THEIR_OWN):
        return within(target, "games") and not within(aimed or "", *GAMES_OF_THEIR_OWN)
    if mine != "selfplay" and within(target, mine):
        return True
    if aimed == "games":  # games.make, games.available
        return "games" in MAY_IMPORT[mine]
    if aimed == "selfplay":  # selfplay.__version__, and the public API
        return target == "selfplay.__version__" or "selfplay" in MAY_IMPORT[mine]
    return within(target, *(name for name in MAY_IMPORT[mine] if name != "games" or mine in ("games", "selfplay.cli")))


GAMES_OF_THEIR_OWN = ("games.tic_tac_toe", "games.connect_four", "games.checkers", "games.chess")


def violations(module: str, tree: ast.AST) -> Iterator[str]:
    """Broken import rules of one module, in words."""
    for target, line, at_load in imports_of(module, tree):
        where = f"{module}, line {line}: "
        ours = own_module(target)
        if ours is not None and not may_import(module, target):
            yield f"{where}may not import {target}"
        for library, places in ONLY_IN.items():
            if within(target, library) and not within(module, *places):
                yield f"{where}{library} is imported only in {', '.join(places)}"
        for library, places in NEVER_IN.items():
            if within(target, library) and within(module, *places):
                yield f"{where}{library} is never imported here"
        if module in PACKAGES and at_load and (within(target, *HEAVY) or ours is not None):
            yield f"{where}an __init__ file re-exports nothing and loads nothing heavy"


def test_modules_import_only_what_they_may() -> None:
    broken = [broken for module, tree in TREES.items() for broken in violations(module, tree)]
    assert broken == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("games.tic_tac_toe", "import selfplay.learning.replay"),
        ("games.tic_tac_toe", "import torch"),
        ("games.base", "from games import tic_tac_toe"),
        ("games.base", "from games.chess import rules"),
        ("games.checks.perft", "def f():\n    from games.chess import rules"),
        ("selfplay.learning.learner", "from selfplay.search import search"),
        ("selfplay.learning.learner", "from games.base import Game"),
        ("selfplay.learning.learner", "def f():\n    import games"),
        ("selfplay.learning.learner", "import ray"),
        ("selfplay.loop.ray_pool", "import ray"),
        ("selfplay.learning.learner", "from torch.utils.tensorboard import SummaryWriter"),
        ("selfplay.learning.learner", "from torch.utils import tensorboard"),
        ("selfplay.loop.run", "if TYPE_CHECKING:\n    from selfplay.gan import agent"),
        ("selfplay.alphazero.actor", "from selfplay.gan import loss"),
        ("selfplay.alphazero.actor", "from games import tic_tac_toe"),
        ("selfplay.alphazero.actor", "from numba import njit"),
        ("selfplay.alphazero.actor", "from selfplay.cli import main"),
        ("selfplay.players.match", "from selfplay.alphazero import actor"),
        ("selfplay.gan.actor", "from selfplay.search.search import Leaves"),
        ("selfplay.gan.actor", "import games"),
        ("selfplay.gan.actor", "from games.base import Game"),
        ("selfplay.gan.data.positions", "from games.connect_four import legality"),
        ("selfplay.gan.data.positions", "from selfplay.alphazero import loss"),
        ("selfplay.supervised.actor", "from selfplay.gan.data import sources"),
        ("selfplay.datasets.stream", "from selfplay.supervised import sources"),
        ("selfplay.search.search", "if True:\n    import torch.nn"),
        ("selfplay.search.search", "from selfplay.players import match"),
        ("selfplay", "from selfplay.learning import replay"),
        ("games", "import numpy as np"),
    ],
)
def test_a_forbidden_import_is_noticed(module: str, source: str) -> None:
    assert list(violations(module, ast.parse(source)))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("games.tic_tac_toe", "from games import base\nfrom games.checks import exhaustive"),
        ("games.connect_four.rules", "from numba import njit"),
        ("selfplay.learning.learner", "import torch\nfrom selfplay.learning import replay"),
        ("selfplay.loop.nodes.connection", "import ray"),
        ("selfplay.alphazero.actor", "import games\nfrom games.base import Game\nfrom selfplay.learning import rows"),
        ("selfplay.gan.data.positions", "import games\nfrom games import base\nfrom selfplay import errors"),
        ("selfplay.cli.train", "from selfplay.alphazero import presets\nimport games"),
        ("games", "def make():\n    import numpy"),
    ],
)
def test_an_allowed_import_is_let_through(module: str, source: str) -> None:
    assert list(violations(module, ast.parse(source))) == []


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            place = stack.index(node)
            component, stack[place:] = stack[place:], []
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_modules_import_each_other_in_a_cycle_not_even_lazily() -> None:
    graph = {}
    for module, tree in TREES.items():
        targets = {own_module(found.target) for found in imports_of(module, tree)}
        graph[module] = {target for target in targets if target is not None and target != module}
    for package in ("games", "selfplay"):  # the tables of names and the public API, looked up when called
        graph[package] = set()
    assert cycles(graph) == []


def test_cycles_are_found_and_named() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert cycles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c", "a"}}) == [["a", "b"], ["c", "d"]]


def test_rules_import_nothing_that_is_not_rules() -> None:
    facets = ("notation", "protocols", "appearance", "knowledge", "endgames", "text", "checks", "engine", "engines")
    rules = [module for module in TREES if module == "games.base" or module.endswith(".rules")]
    upward = [
        f"{module}, line {line}: {target}"
        for module in rules
        for target, line, _ in imports_of(module, TREES[module])
        if set(target.split(".")) & set(facets)
    ]
    assert len(rules) >= 4 and upward == []


def test_only_the_command_line_prints() -> None:
    prints = [
        f"{module}, line {node.lineno}"
        for module, tree in TREES.items()
        if not within(module, "selfplay.cli")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


def test_files_and_folders_stay_small() -> None:
    lengths = {module: len(path.read_text("utf-8").splitlines()) for module, path in SOURCES.items()}
    assert {module: lines for module, lines in lengths.items() if lines > LONGER.get(module, MAX_LINES)} == {}
    folders = [path.parent for path in SOURCES.values()]
    assert {str(folder): folders.count(folder) for folder in folders if folders.count(folder) > MAX_FILES} == {}


def test_modules_of_tests_have_names_of_their_own() -> None:
    """Tests are imported by their base names: pytest refuses a second file of one name."""
    names = [path.stem for path in (ROOT / "tests").rglob("*.py") if path.name not in ("__init__.py", "conftest.py")]
    assert sorted(names) == sorted(set(names))


def test_every_package_says_what_it_is() -> None:
    silent = [package for package in PACKAGES if not ast.get_docstring(TREES[package])]
    assert silent == []


def _loaded_after(code: str) -> set[str]:
    """Heavy modules that a fresh interpreter has loaded after running `code`."""
    report = f"{code}\nimport sys\nsys.stderr.write('LOADED ' + ' '.join(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.rpartition("LOADED ")[2].split())


def test_importing_the_packages_and_listing_the_games_loads_nothing_heavy() -> None:
    assert _loaded_after("import games, selfplay, selfplay.cli\ngames.available()") == set()


def test_help_loads_nothing_heavy() -> None:
    help_text = (
        "import sys\nfrom selfplay.cli import main\nsys.argv = ['selfplay', '--help']\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass"
    )
    assert _loaded_after(help_text) & {"torch", "numba", "ray", "matplotlib", "tensorboard"} == set()
