"""Findings: what a check of a folder says of one file or artifact, and of the folder as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

DAMAGED, MISSING = "damaged", "missing"
LEFT_OVER = "left over"  # of a save or a line that a kill cut short: harmless
UNREFERENCED = "unreferenced"  # ours, and needed by nothing: harmless
NOT_OURS = "not ours"  # left alone

OnProgress = Callable[[int, int], None]
"""Called with the numbers of files and bytes checked so far."""


class Finding(NamedTuple):
    """Something that is not as it was written, or that needs a word."""

    path: str  # within the folder
    state: str  # one of the constants above
    effect: str  # what it means and what can be done, a sentence

    @property
    def harmful(self) -> bool:
        return self.state in (DAMAGED, MISSING)


class Report:
    """What a check has found so far."""

    def __init__(self, folder: Path, kind: str, on_progress: OnProgress | None = None) -> None:
        """kind: "run", "tournament" or "generation"."""
        self.folder, self.kind, self._on_progress = folder, kind, on_progress
        self.findings: list[Finding] = []
        self.files, self.bytes = 0, 0
        self.summary = ""
        self.unlisted: list[str] = []  # files that have no digest on record, as in folders of earlier versions
        self.moved: list[str] = []  # by a repair, within the folder
        self.repaired: list[str] = []  # sentences

    def add(self, path: Path, state: str, effect: str) -> None:
        self.findings.append(Finding(path.relative_to(self.folder).as_posix(), state, effect))

    def count(self, *paths: Path) -> None:
        """Files that were checked."""
        for path in paths:
            self.files += 1
            self.bytes += path.stat().st_size if path.is_file() else 0
        if self._on_progress is not None:
            self._on_progress(self.files, self.bytes)

    @property
    def damaged(self) -> bool:
        return any(finding.harmful for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder), "kind": self.kind, "ok": not self.damaged, "files": self.files,
            "bytes": self.bytes, "summary": self.summary, "unlisted": self.unlisted,
            "findings": [finding._asdict() for finding in self.findings],
            "repaired": self.repaired, "moved": self.moved,
        }  # fmt: skip
