"""What the documents say is so: their Python runs, their commands parse, the map shows the house as it is."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import document_package
import pytest

import games
from selfplay.cli import main

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
MAP_HEADING = "## The map"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(text: str, *languages: str) -> list[str]:
    """Contents of the fenced blocks of these languages, in order."""
    found = re.findall(r"^ *```([a-z]*)\n(.*?)^ *```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def commands(text: str) -> list[list[str]]:
    """Arguments of every `selfplay …` in shell text: after a prompt, `&&`, a pipe or assignments, or by its path."""
    found = []
    for line in text.splitlines():
        piece: list[str] = []
        for word in [*shlex.split(line.strip().removeprefix("$ "), comments=True), ";"]:
            if word not in ("&&", "|", ";", "&"):
                if piece or not re.fullmatch(r"[A-Z_]+=.*", word):
                    piece.append(word)
                continue
            if piece and (piece[0] == "selfplay" or piece[0].endswith("/bin/selfplay")):
                found.append(piece[1:])
            piece = []
    return found


def check_command(arguments: list[str]) -> None:
    """Parses one command line, and checks the preset and settings of `train`."""
    from selfplay import config
    from selfplay.cli import train
    from selfplay.presets import registry

    try:
        parsed = main.parser().parse_args(arguments)
    except SystemExit as end:
        assert end.code == 0 and "--help" in arguments, f"selfplay {shlex.join(arguments)} does not parse"
        return
    if parsed.command == "train" and parsed.preset:
        config.override(registry.get(parsed.preset), train._assignments(parsed))


def test_the_settings_file_of_the_interface_is_read(tmp_path: Path) -> None:
    from selfplay.presets import files

    (tmp_path / "my.toml").write_text(blocks((ROOT / "docs" / "interface.md").read_text("utf-8"), "toml")[0])
    preset, config = files.read(tmp_path / "my.toml")
    assert preset == "connect-four" and (config.run.minutes, config.run.generations) == (None, 40)


def test_commands_are_found_in_shell_text() -> None:
    text = "./setup.sh && .venv/bin/selfplay train a\n$ echo 'x | y' | selfplay analyze r\nA=1 selfplay games list  # b"
    assert commands(text) == [["train", "a"], ["analyze", "r"], ["games", "list"]]
    assert commands("python -m selfplay\npip install selfplay\n") == []


@pytest.fixture
def document(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The text of a document, without the files of the package that it shows, if it does: that can be imported."""
    text = request.param.read_text("utf-8")
    if files := document_package.files_of(text):
        project = document_package.write(files, tmp_path)
        document_package.announce(project)
        monkeypatch.syspath_prepend(project)
    yield document_package.FILE.sub("", text)
    games.make.cache_clear()
    for module in [name for name in sys.modules if files and (tmp_path / project.name / name.split(".")[0]).exists()]:
        del sys.modules[module]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of, indirect=True)
def test_python_in_a_document_runs(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = types.ModuleType("document")
    monkeypatch.setitem(sys.modules, "document", module)
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(blocks(document, "python"), start=1):
        exec(compile(block, f"Python block {number}", "exec"), module.__dict__)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of, indirect=True)
def test_commands_in_a_document_are_accepted(document: str) -> None:
    for block in blocks(document, "sh", "console"):
        for arguments in commands(block):
            check_command(["tic-tac-toe" if word in ("NAME", "PRESET") else word for word in arguments])


@pytest.mark.parametrize("name", main.COMMANDS)
def test_examples_in_the_help_are_accepted(name: str) -> None:
    epilog = importlib.import_module(f"selfplay.cli.{name}").EPILOG
    found = commands(re.sub(r" {2,}\(.*\)$", "", epilog.partition("\n\n")[0], flags=re.MULTILINE))
    assert found
    for arguments in found:
        check_command(arguments)


def test_examples_in_the_top_help_are_accepted() -> None:
    for arguments in commands(main.EPILOG):
        if "COMMAND" not in arguments:
            check_command(arguments)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_and_named_scripts_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"
    for script in re.findall(r"(?:scripts|benchmarks|tests|games|selfplay)/[\w/]+\.(?:py|sh|yaml)", text):
        assert (ROOT / script).exists(), f"{path.name} names {script}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_json_in_a_document_is_json(path: Path) -> None:
    for block in blocks(path.read_text("utf-8"), "json"):
        json.loads(block)


def mapped() -> set[str]:
    """Paths in the README's map: names before the comment, below the folder they are indented under."""
    text = (ROOT / "README.md").read_text("utf-8")
    (tree,) = blocks(text[text.index(MAP_HEADING) :].partition("\n## ")[0], "text")
    found: set[str] = set()
    top = ""
    for line in tree.splitlines():
        names = re.findall(r"(?<!\S)[\w.]+(?:/|\.py)(?=\s|$)", line.strip().partition("  ")[0])
        if not line.startswith(" "):
            top = names[0]
        found |= {name if name == top else top + name for name in names}
    return found


def test_the_map_names_only_what_exists() -> None:
    assert {path for path in mapped() if not (ROOT / path).exists()} == set()


def test_the_map_names_every_package() -> None:
    packages = [path.parent for package in ("games", "selfplay") for path in (ROOT / package).glob("*/__init__.py")]
    assert {f"{name_of(path)}/" for path in packages} - mapped() == set(), "missing in the README's map"


def test_the_map_of_modules_is_that_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    script = importlib.import_module("regenerate_map")
    text = script.DOCUMENT.read_text("utf-8")
    assert script.updated(text) == text, "run scripts/regenerate_map.py"


def test_every_benchmark_is_explained() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    shared = {"harness.py", "plain.py", "__init__.py"}
    assert {path.name for path in (ROOT / "benchmarks").glob("*.py") if path.stem not in text} - shared == set()


def test_every_metric_of_a_run_is_explained() -> None:
    text = (ROOT / "docs" / "interface.md").read_text("utf-8")
    source = (ROOT / "selfplay" / "loop" / "telemetry.py").read_text("utf-8")
    for name in re.findall(r'rates\["(\w+)"\]', source):
        assert f"`rate/{name}`" in text, f"rate/{name} is not in docs/interface.md"
