"""Who may import whom (docs: the architecture), read from the source, so that arrows keep pointing one way.

    cli → alphazero | gan → core        alphazero, gan.positions → games.base        games → nothing of ours

Modules that do not exist yet are simply not looked at.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
LONGER = {
    # Kernels that call each other share a file: Numba's cache sees no other.
    "selfplay.alphazero.kernels": 560,
    "games.chess.kernels": 510,
}

# Third parties that have one place, and ours that must stay light. Names are module prefixes.
ONLY_IN = {
    "ray": ("selfplay.run", "selfplay.remote"),
    "tensorboard": ("selfplay.metrics",),
    "torch.utils.tensorboard": ("selfplay.metrics",),
    "numba": ("games", "selfplay.alphazero.kernels"),
    "chess": ("games.chess", "selfplay.cli.uci"),
}
NEVER_IN = {
    "torch": (
        "games",
        "selfplay.alphazero.tree",
        "selfplay.alphazero.kernels",
        "selfplay.alphazero.search",
        "selfplay.rating",
    ),
    "ray": ("games",),
}
HEAVY = ("torch", "numba", "ray", "numpy", "scipy", "matplotlib", "tensorboard", "chess")
GAMES_SHARED = tuple(
    f"games.{name}"
    for name in (
        "answers", "base", "deepening", "drawing", "drops", "engine_text", "exhaustive", "perft", "playthrough",
        "record", "sample", "testing",
    )
)


class Import(NamedTuple):
    target: str  # dotted; for `from a import b` it is a.b, whatever b is
    line: int
    at_load: bool  # runs when the module is imported: not inside a function, not for type checkers only


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for package in ("games", "selfplay") for path in sorted((ROOT / package).rglob("*.py"))}


def within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def own_module(target: str) -> str | None:
    """The module of ours that a dotted name lies in, the longest that exists; None for third parties."""
    if not within(target, "games", "selfplay"):
        return None
    while target not in SOURCES and "." in target:
        target = target.rpartition(".")[0]
    return target


def imports_of(module: str, source: str) -> list[Import]:
    found: list[Import] = []
    package = module if module in SOURCES and SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]

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

    visit(ast.parse(source), True)
    return found


def may_import(module: str, target: str) -> bool:
    """Whether `module` may import `target`, both of ours; target may be a name inside a module."""
    from_games_itself = own_module(target) == "games"  # games.make, games.available
    if within(module, *GAMES_SHARED):
        return within(target, *GAMES_SHARED) or from_games_itself
    if within(module, "games"):
        return within(target, "games")
    if within(module, "selfplay.cli", "selfplay.__main__"):
        return True
    core = within(target, "selfplay") and not within(target, "selfplay.alphazero", "selfplay.gan", "selfplay.cli")
    if within(module, "selfplay.alphazero"):
        return core or within(target, "selfplay.alphazero", "games.base") or from_games_itself
    if within(module, "selfplay.gan"):
        rules = module == "selfplay.gan.positions" and (within(target, "games.base") or from_games_itself)
        return core or within(target, "selfplay.gan") or rules
    return core


def violations(module: str, source: str) -> list[str]:
    """Broken import rules of one module, in words."""
    wrong = []
    for target, line, at_load in imports_of(module, source):
        where = f"{module}, line {line}: "
        ours = own_module(target)
        if ours is not None and not may_import(module, target):
            wrong.append(f"{where}may not import {target}")
        for library, places in ONLY_IN.items():
            if within(target, library) and not within(module, *places):
                wrong.append(f"{where}{library} is imported only in {', '.join(places)}")
        for library, places in NEVER_IN.items():
            if within(target, library) and within(module, *places):
                wrong.append(f"{where}{library} is never imported here")
        is_package = module in SOURCES and SOURCES[module].name == "__init__.py"
        if is_package and at_load and (within(target, *HEAVY) or ours is not None):
            wrong.append(f"{where}an __init__ file re-exports nothing and loads nothing heavy")
    return wrong


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_what_it_may(module: str) -> None:
    assert violations(module, SOURCES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("games.tic_tac_toe", "import selfplay.replay"),
        ("games.tic_tac_toe", "import torch"),
        ("games.base", "from games import tic_tac_toe"),
        ("selfplay.learner", "from selfplay.alphazero import search"),
        ("selfplay.learner", "from games.base import Game"),
        ("selfplay.learner", "def f():\n    import games"),
        ("selfplay.learner", "import ray"),
        ("selfplay.learner", "from torch.utils.tensorboard import SummaryWriter"),
        ("selfplay.learner", "from torch.utils import tensorboard"),
        ("selfplay.alphazero.actor", "from selfplay.gan import loss"),
        ("selfplay.alphazero.actor", "from games import tic_tac_toe"),
        ("selfplay.alphazero.actor", "from numba import njit"),
        ("selfplay.alphazero.actor", "from selfplay.cli import main"),
        ("selfplay.gan.actor", "from selfplay.alphazero.search import Leaves"),
        ("selfplay.gan.actor", "import games"),
        ("selfplay.gan.actor", "from games.base import Game"),
        ("selfplay.gan.positions", "from games.connect_four import legality"),
        ("selfplay.gan.positions", "from selfplay.alphazero import loss"),
        ("selfplay.alphazero.search", "if True:\n    import torch.nn"),
        ("selfplay", "from selfplay import replay"),
        ("games", "import numpy as np"),
    ],
)
def test_a_forbidden_import_is_noticed(module: str, source: str) -> None:
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("games.tic_tac_toe", "from games import base, exhaustive"),
        ("games.connect_four.rules", "from numba import njit"),
        ("selfplay.learner", "import torch\nfrom selfplay import replay"),
        ("selfplay.run", "import ray"),
        ("selfplay.alphazero.actor", "import games\nfrom games.base import Game\nfrom selfplay import replay"),
        ("selfplay.gan.positions", "import games\nfrom games import base\nfrom selfplay import checkpoint"),
        ("selfplay.cli.train", "from selfplay.alphazero import presets\nimport games"),
        ("games", "def make():\n    import numpy"),
    ],
)
def test_an_allowed_import_is_let_through(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {}
    for module, path in SOURCES.items():
        targets = (own_module(found.target) for found in imports_of(module, path.read_text("utf-8")) if found.at_load)
        graph[module] = {target for target in targets if target is not None and target != module}
    assert find_cycle(graph) is None


def find_cycle(graph: dict[str, set[str]]) -> list[str] | None:
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        for target in sorted(graph.get(node, ())):
            if cycle := walk(target, [*path, node]):
                return cycle
        done.add(node)
        return None

    return next((cycle for node in graph if (cycle := walk(node, []))), None)


def test_a_circle_is_found_and_named() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize("module", [name for name in SOURCES if not within(name, "selfplay.cli")])
def test_only_the_command_line_prints(module: str) -> None:
    calls = [node for node in ast.walk(ast.parse(SOURCES[module].read_text("utf-8"))) if isinstance(node, ast.Call)]
    prints = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert not prints, f"{module} prints in lines {prints}"


def test_files_stay_short() -> None:
    lengths = {module: len(path.read_text("utf-8").splitlines()) for module, path in SOURCES.items()}
    too_long = {module: lines for module, lines in lengths.items() if lines > LONGER.get(module, MAX_LINES)}
    assert too_long == {}


def _loaded_after(code: str) -> set[str]:
    """Heavy modules that a fresh interpreter has loaded after running `code`."""
    report = f"{code}\nimport sys\nsys.stderr.write('LOADED ' + ' '.join(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.rpartition("LOADED ")[2].split())


def test_importing_the_packages_and_listing_the_games_loads_nothing_heavy() -> None:
    assert _loaded_after("import games, selfplay, selfplay.cli\ngames.available()") == set()


@pytest.mark.skipif("selfplay.cli.main" not in SOURCES, reason="there is no command line yet")
def test_help_loads_nothing_heavy() -> None:
    help_text = (
        "import sys\nfrom selfplay.cli import main\nsys.argv = ['selfplay', '--help']\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass"
    )
    assert _loaded_after(help_text) & {"torch", "numba", "ray", "matplotlib", "tensorboard"} == set()
