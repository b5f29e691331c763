#!/usr/bin/env python
"""Writes the map of modules in docs/architecture.md: every module of games/ and selfplay/ with its first sentence."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- map: scripts/regenerate_map.py -->\n", "<!-- end of map -->\n"


def first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line; empty where there is none."""
    paragraph = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")[0]
    return re.split(r"(?<=[.;?!])\s", " ".join(paragraph.split()), maxsplit=1)[0].rstrip(".;")


def tables() -> str:
    """A heading and a table for each package, in the order of their paths."""
    lines: list[str] = []
    for package in sorted(path for top in ("games", "selfplay") for path in (ROOT / top).rglob("__init__.py")):
        folder = package.parent
        lines += [f"### {folder.relative_to(ROOT)}/", "", f"{first_sentence(package)}.", ""]
        lines += ["| module | |", "|---|---|"]
        modules = sorted(path for path in folder.glob("*.py") if not path.name.startswith("__"))
        lines += [f"| `{path.name}` | {first_sentence(path).replace('|', chr(92) + '|')} |" for path in modules]
        lines.append("")
    return "\n".join(lines) + "\n"


def updated(text: str) -> str:
    """The document with today's map."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + tables() + END + rest.partition(END)[2]


if __name__ == "__main__":
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(updated(text), "utf-8")
    sys.stdout.write(f"{DOCUMENT.relative_to(ROOT)}: {'as it was' if updated(text) == text else 'updated'}\n")
