"""What in a folder belongs to a run: told before anything is written there, so that no file of anyone else's is mixed
with a run's files, overwritten or deleted.

A folder holds a run where its config.json names a preset, or a saved state or generation lies in it. A run that was
killed before it saved anything leaves its lock and empty folders, which are taken too. Reads names and JSON only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from selfplay.errors import FolderError, shorten
from selfplay.storage import artifact, bounded

ARTIFACTS = ("checkpoints", "state")  # folders of artifacts, one a number
LEARNER = "learner"  # another one, which few runs have
SHARD = re.compile(r"\d+-\d+\.npy")  # rows of the replay, first and last
NUMBER = re.compile(r"\d{6,}")  # names of artifacts
_NUMBERED = re.compile(rf"{NUMBER.pattern}|\.{NUMBER.pattern}\.(partial|aside|dropped)")
_SHARDS = re.compile(rf"{SHARD.pattern}|\.{SHARD.pattern}\.partial")
_CONTENTS = {"checkpoints": _NUMBERED, "state": _NUMBERED, LEARNER: _NUMBERED, "replay": _SHARDS,
             "tensorboard": re.compile("events.*")}  # fmt: skip
PARTIAL_FILES = re.compile(
    r"\.((config|run|digests|payoffs|streams)\.json|(metrics|drift)\.jsonl|evaluation\.csv|[^/]+\.png)\.partial"
)
PARTIAL_SHARDS = re.compile(rf"\.{SHARD.pattern}\.partial")
_FILES = ("lock", "lock.pid", ".config.json.partial", "run.json", ".run.json.partial", "metrics.jsonl", "drift.jsonl",
          "streams.json", ".streams.json.partial", "digests.json", ".digests.json.partial")  # fmt: skip
_IGNORED = (".gitkeep", ".gitignore", ".DS_Store")


def check(path: Path) -> None:
    """Raises FolderError where `path` is a folder with something in it that is no part of a run, or a link where a run
    writes, and OSError where it cannot be read."""
    if not path.exists():
        return
    if other := next(_elsewhere(path), None):
        raise FolderError(
            f"'{path}' holds '{shorten(other)}', which is a link or no plain file: a run would write outside its "
            "folder. Put what it leads to in its place, or choose another run folder."
        )
    if holds_run(path):
        return
    if other := next(_foreign(path), None):
        raise FolderError(
            f"'{path}' holds '{shorten(other)}', which is no part of a run: choose an empty or a new run folder, "
            "so that a run's files and yours stay apart."
        )


def holds_run(path: Path) -> bool:
    """Whether a run is in the folder."""
    try:
        config = bounded.read_json(path / "config.json")
        if isinstance(config, dict) and isinstance(config.get("preset"), str):
            return True
    except (OSError, ValueError):
        pass
    return any(
        artifact.is_one(each)
        for name in ARTIFACTS
        if (path / name).is_dir()
        for each in (path / name).iterdir()
        if _NUMBERED.fullmatch(each.name)
    )


def _elsewhere(path: Path) -> Iterator[str]:
    """Names of what is neither a plain file nor a folder, in the places that a run writes to."""
    for folder in (path, *(path / name for name in _CONTENTS)):
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)):
                    yield str(Path(entry.path).relative_to(path))


def _foreign(path: Path) -> Iterator[str]:
    """Names of what a run that has saved nothing yet would not have made."""
    for entry in sorted(path.iterdir()):
        allowed = _CONTENTS.get(entry.name)
        if allowed is not None and entry.is_dir():
            yield from (
                f"{entry.name}/{each.name}" for each in sorted(entry.iterdir()) if not allowed.fullmatch(each.name)
            )
        elif entry.name not in (*_FILES, *_IGNORED) or not entry.is_file():
            yield entry.name
