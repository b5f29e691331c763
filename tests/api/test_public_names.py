"""The public API as a list of names and signatures, kept in a file so that a change is a decision."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import selfplay

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "api.txt"


def described(name: str) -> list[str]:
    """A public name, its signature, and its public attributes with theirs."""
    value = getattr(selfplay, name)
    if not inspect.isclass(value):
        return [f"{name}{inspect.signature(value)}"]
    lines = [f"class {name}({', '.join(base.__name__ for base in value.__bases__)})"]
    attributes = {**dict.fromkeys(inspect.get_annotations(value)), **vars(value)}
    for attribute in sorted(attributes):
        if attribute.startswith("_"):
            continue
        found = inspect.getattr_static(value, attribute, None)
        if inspect.isfunction(found):
            lines.append(f"  {attribute}{inspect.signature(found)}")
        else:
            lines.append(f"  {attribute}: {inspect.get_annotations(value).get(attribute, 'property')}")
    return lines


def listing() -> str:
    names = [name for name in selfplay.__all__ if name != "__version__"]
    return "\n".join(line for name in sorted(names) for line in described(name)) + "\n"


def test_public_names_and_signatures_are_those_of_the_file() -> None:
    """After a change that is meant: `python tests/api/test_public_names.py` writes the file anew."""
    assert listing() == GOLDEN.read_text("utf-8")


def test_every_public_name_has_a_home_and_a_type() -> None:
    tree = ast.parse((ROOT / "selfplay" / "__init__.py").read_text("utf-8"))
    typed = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    names = {name for name in selfplay.__all__ if name != "__version__"}
    assert names == set(selfplay._HOME)
    assert names <= typed
    assert all(getattr(selfplay, name).__doc__ for name in names)
    assert set(selfplay.__all__) <= set(dir(selfplay))


def test_every_public_name_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert [name for name in selfplay._HOME if name not in text] == []


def test_no_public_name_is_that_of_a_package_of_ours() -> None:
    """Importing selfplay.x would put the package in the place of the function."""
    modules = {path.stem for path in (ROOT / "selfplay").iterdir()}
    assert modules & set(selfplay.__all__) == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import selfplay, sys\n"
        "heavy = {'torch', 'numba', 'numpy', 'ray', 'msgspec', 'games', 'selfplay.api'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_process_is_tuned_by_calls_and_not_by_imports() -> None:
    for path in (ROOT / "selfplay").rglob("*.py"):
        for statement in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                assert "tune_process" not in ast.unparse(statement), path
    for name in ("load", "train"):
        assert "one thread" in str(getattr(selfplay, name).__doc__)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    try:
        selfplay.lode  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        assert "load" in str(error)
    else:
        raise AssertionError


SCRIPT = """
import numpy as np
import selfplay

agent = selfplay.load("connect-four")
reveal_type(agent)
one = agent.analyze("4453", simulations=400)
reveal_type(one)
reveal_type(one.policy)
reveal_type(agent.analyze(agent.game.initial_states(2)))
priors, wdl = agent.evaluate(agent.game.initial_states(2))
reveal_type(selfplay.match("a", agent).interval)
reveal_type(selfplay.rate(["a", "b"]).players)
run = selfplay.train("a", on_generation=lambda end: reveal_type(end.metrics))
reveal_type(run.metrics())
reveal_type(run.agent())
selfplay.match("a", 3)
agent.analyze(simulations="many")
"""


@pytest.mark.slow  # mypy reads all of torch where its cache is cold
def test_a_script_of_a_user_is_type_checked_with_real_types(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"),
               "--cache-dir", str(ROOT / ".mypy_cache"), str(script)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    notes = [line.partition("note: ")[2] for line in done.stdout.splitlines() if "Revealed type" in line]
    assert [note.removeprefix("Revealed type is ").strip('"').replace("builtins.", "") for note in notes] == [
        "selfplay.api.agents.TrainedAgent",
        "selfplay.players.analysis.Analysis",
        "dict[str, float]",
        "list[selfplay.players.analysis.Analysis]",
        "tuple[float, float]",
        "list[selfplay.api.tournaments.RatedPlayer]",
        "dict[str, float]",
        "list[dict[str, Any]]",
        "selfplay.api.agents.TrainedAgent",
    ], done.stdout
    wrong = [line for line in done.stdout.splitlines() if "error: " in line]
    assert len(wrong) == 2 and "match" in wrong[0] and "analyze" in wrong[1], done.stdout


if __name__ == "__main__":
    GOLDEN.write_text(listing(), "utf-8")
