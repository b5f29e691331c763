"""The package that a document shows, file by file: written to a folder, found by Python, or really installed.

A file is a code block below a line that holds nothing but its path, in backticks.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

FILE = re.compile(r"^`([\w./-]+\.\w+)`\n\n```\w+\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def files_of(text: str) -> dict[str, str]:
    """Contents by path."""
    return dict(FILE.findall(text))


def write(files: dict[str, str], folder: Path) -> Path:
    """Writes the files, with an empty __init__.py where a folder of modules has none; the project's folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        if path.suffix == ".py":
            (path.parent / "__init__.py").touch()
    return folder / next(name for name in files if name.endswith("pyproject.toml")).partition("/")[0]


def announce(project: Path) -> None:
    """Makes the project's entry points known where its folder is on Python's path, as an installed package's are."""
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    told = project / f"{about['name']}-{about['version']}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    groups = about["entry-points"].items()
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items()) for group, names in groups
    ]
    (told / "entry_points.txt").write_text("\n".join(lines))


def install(project: Path, target: Path) -> None:
    """Builds the project and installs it into a folder, without a network."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
