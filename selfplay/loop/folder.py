"""The folder of a run: its config, its lock, and the training state that a resumed run goes on from.

    config.json                 every setting in force         run.json     machine, versions, code, when
    checkpoints/000012/         weights of a generation        state/…/     the newest training states (two are kept)
    learner/000012/             learners to go back to, see drift.actions
    replay/0-20480.npy          rows, one shard a save         metrics.jsonl, drift.jsonl, evaluation.{csv,png}, …

State refers to shards by name and digest; a state that does not check out is passed over for the one before it.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from selfplay import __version__, config
from selfplay.agent import Agent
from selfplay.errors import CheckpointError, FolderError
from selfplay.learning.replay import Replay
from selfplay.learning.rows import Pieces
from selfplay.loop import ownership
from selfplay.storage import artifact, bounded, json_text, lock, records

KEPT_STATES = 2
MAX_STATE = 2**25  # bytes of a state.json; with 10,000 evaluations ours has a tenth of that
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
STATE_FILES = (artifact.MANIFEST, "state.json")  # without either, a folder is no state
EVALUATION = "evaluation.csv"
OLD_FILES = {"strength.csv": EVALUATION, "strength.png": "evaluation.png"}  # as earlier versions called them


class State(NamedTuple):
    """A training state read back."""

    tensors: dict[str, torch.Tensor]
    rest: dict[str, Any]
    rows: Pieces  # the replay's window
    inserted: int  # rows ever inserted
    actors: tuple[dict[str, np.ndarray], dict[str, Any]] | None
    warnings: list[str]


class Folder:
    """A run's folder, locked against a second trainer until the `with` block ends."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where it is missing. Raises FolderError when it cannot be used."""
        self.path = path
        self.code = _code_version()
        try:
            ownership.check(path)
            for name in (*ownership.ARTIFACTS, "replay"):
                (path / name).mkdir(parents=True, exist_ok=True)
            self._lock = lock.Lock(path / "lock")
        except OSError as error:
            raise FolderError(
                f"cannot write to the run folder '{path}' ({error.strerror}): choose another run folder."
            ) from None
        except lock.Held as held:
            raise FolderError(
                f"'{path}' is being trained by process {held.holder}: wait for it, or choose another run folder."
            ) from None
        self._shards: list[dict[str, Any]] = []
        self._settings: dict[str, bytes] = {}  # config.json and run.json, of which each state keeps a copy
        self._damaged: list[int] = []  # states that were passed over
        try:
            self._put_right()
        except OSError as error:
            self._lock.release()
            raise FolderError(
                f"cannot put the run folder '{path}' right after a crash ({error.strerror}): see to '{error.filename}'."
            ) from None

    def _put_right(self) -> None:
        """Ends what a crash cut short, and gives files the names of this version. Raises OSError."""
        for name in (*ownership.ARTIFACTS, ownership.LEARNER):
            artifact.recover(self.path / name)
        for parent, pattern in ((self.path, ownership.PARTIAL_FILES), (self.path / "replay", ownership.PARTIAL_SHARDS)):
            for partial in parent.glob(".*.partial"):
                if pattern.fullmatch(partial.name) and partial.is_file():
                    partial.unlink()
        for old, new in OLD_FILES.items():
            if (self.path / old).is_file() and not (self.path / new).exists():
                (self.path / old).rename(self.path / new)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    # -- configuration -----------------------------------------------------------------------------------

    def write_config(self, preset: str, values: Mapping[str, Any]) -> None:
        """Records every setting in force, and the machine and code that they are used on."""
        names = ("torch", "numpy", "numba", "ray", "safetensors")
        about = {
            "preset": preset,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "selfplay": __version__,
            "code": self.code,
            "host": platform.node(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "packages": {name: metadata.version(name) for name in names},
        }
        try:
            for name, told in (("config.json", {"preset": preset, **values}), ("run.json", about)):
                self._settings[name] = json_text.dumps(told, indent=1).encode()
                records.replace(self.path / name, self._settings[name])
        except OSError as error:
            raise FolderError(f"cannot write to the run folder '{self.path}' ({error.strerror}).") from None

    def settings(self) -> dict[str, Any]:
        """The settings that config.json holds, by dotted key of today; none where there is none that can be read."""
        try:
            values = bounded.read_json(self.path / "config.json")
            return config.flat(config.with_current_keys({k: v for k, v in values.items() if k != "preset"}))
        except (OSError, ValueError, AttributeError):
            return {}

    # -- training state --------------------------------------------------------------------------------------

    def save_state(
        self, replay: Replay, tensors: Mapping[str, torch.Tensor], rest: dict[str, Any],
        actors: tuple[dict[str, np.ndarray], dict[str, Any]] | None,
    ) -> None:  # fmt: skip
        """Saves everything a resumed run needs, then drops states and shards that no kept state refers to."""
        self._save_shard(replay)
        oldest = replay.inserted - len(replay)
        self._shards = [shard for shard in self._shards if shard["last"] > oldest]
        rest = rest | {"inserted": replay.inserted, "window": len(replay), "shards": self._shards}
        files = {"learner.safetensors": artifact.pack_tensors(tensors), **self._settings}
        if actors:
            files |= {f"{name}.npy": artifact.pack_array(array) for name, array in actors[0].items()}
            rest["actors"] = actors[1]
        taken = [int(path.name) for path in (self.path / "state").iterdir() if ownership.NUMBER.fullmatch(path.name)]
        number = max(taken, default=-1) + 1
        files["state.json"] = json_text.dumps(rest).encode()
        artifact.write(self._state_path(number), files, {"kind": "training state", "generation": rest["generation"]})
        self._tidy(replay.dtype)

    def _save_shard(self, replay: Replay) -> None:
        first = max(self._shards[-1]["last"] if self._shards else 0, replay.inserted - len(replay))
        if first == replay.inserted:
            return
        data = artifact.pack_array(replay.rows(first, replay.inserted))
        name = f"{first}-{replay.inserted}.npy"
        try:
            artifact.replace_file(self.path / "replay" / name, data)
        except OSError as error:
            raise CheckpointError(
                f"cannot write {self.path / 'replay' / name} ({error.strerror}): {len(data) / 2**20:.1f} MB are needed."
            ) from error
        self._shards.append({"file": name, "first": first, "last": replay.inserted, "sha256": artifact.digest(data)})

    def load_state(self, agent: Agent) -> State | None:
        """The newest training state that checks out, or None in a new folder. Raises CheckpointError when there are
        states and none can be used, or when they belong to another kind of agent."""
        warnings: list[str] = []
        for number in reversed(self._states()):
            try:
                state = self._read_state(number, agent, warnings)
                state.warnings.extend(self._changed_records())
                return state
            except CheckpointError as error:
                warnings.append(f"Passed over a damaged state: {error}")
                self._damaged.append(number)
        if warnings:
            raise CheckpointError(f"no training state in '{self.path}' can be used. {warnings[0]}")
        return None

    def _changed_records(self) -> list[str]:
        """A sentence where files on record are not as they were written."""
        try:
            changed = sorted(name for name, state in records.check(self.path).items() if state != "torn")
        except CheckpointError as error:
            return [str(error)]
        if not changed:
            return []
        return [
            f"Not as written, and not needed to go on: {', '.join(changed)} in '{self.path}' "
            f"(`selfplay verify {self.path}` says more)."
        ]

    def _read_state(self, number: int, agent: Agent, warnings: list[str]) -> State:
        path = self._state_path(number)
        meta, files = artifact.read(path)
        if meta.get("kind") != "training state":
            raise CheckpointError(f"{path} holds {meta.get('kind', 'something else')}, not a training state.")
        try:
            rest = _rest(files["state.json"])
            shards = [(Path(shard["file"]).name, str(shard["sha256"])) for shard in rest["shards"]]
            generation, window, inserted = (_count(rest[name]) for name in ("generation", "window", "inserted"))
            difference, learner = agent.unlike(dict(rest["identity"])), files["learner.safetensors"]
        except DAMAGE as error:
            raise CheckpointError(f"{path} is no training state ({bounded.reason(error)}).") from None
        if difference:
            raise FolderError(
                f"'{self.path}' holds a run {difference}: choose another run folder, or give the settings it was "
                "started with."
            )
        tensors = artifact.unpack_tensors(learner, str(path / "learner.safetensors"))
        artifact.read(self.path / "checkpoints" / f"{generation:06d}")
        sizes = [len(self._read_shard(*shard, agent, warnings)) for shard in shards]  # each is checked, and read again
        if not 0 <= window <= min(sum(sizes), inserted):
            raise CheckpointError(f"{path} tells of {window:,} of {inserted:,} rows, and refers to {sum(sizes):,}.")
        rows = Pieces(window, sizes, [functools.partial(self._read_shard, *shard, agent, []) for shard in shards])
        arrays = {
            name.removesuffix(".npy"): artifact.unpack_array(data, str(path / name))
            for name, data in files.items()
            if name.endswith(".npy")
        }
        self._shards = rest["shards"]
        actors = (arrays, rest["actors"]) if "actors" in rest else None
        return State(tensors, rest, rows, inserted, actors, warnings)

    def _read_shard(self, name: str, digest: str, agent: Agent, warnings: list[str]) -> np.ndarray:
        path = self.path / "replay" / name
        try:
            data = bounded.read(path)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from None
        if artifact.digest(data) != digest:
            raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one written.")
        rows = artifact.unpack_array(data, str(path))
        if rows.dtype == agent.row_dtype:
            return rows
        adapted, what = agent.adapt_rows(rows), _other_fields(rows.dtype, agent.row_dtype)
        if adapted is None:
            raise FolderError(
                f"the rows of '{self.path}' {what}, which these settings change: choose another run folder, or give "
                "the settings it was started with."
            )
        note = f"Rows of the sessions before {what}: they are learned from without, until newer rows replace them."
        warnings += [] if note in warnings else [note]
        return adapted

    @contextlib.contextmanager
    def fitting(self) -> Iterator[None]:
        """Raises CheckpointError where a state that is whole is taken up and turns out not to be one of this run's."""
        try:
            yield
        except (RuntimeError, *DAMAGE) as error:
            raise CheckpointError(
                f"the training state in '{self.path}' does not fit its network or settings ({type(error).__name__}): "
                "choose another run folder."
            ) from error

    def has_state(self) -> bool:
        return bool(self._states())

    def load_learner(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """The learner's part of the state saved last. Raises CheckpointError."""
        path = self._state_path(self._states()[-1])
        _, files = artifact.read(path)
        tensors = artifact.unpack_tensors(files["learner.safetensors"], str(path / "learner.safetensors"))
        return tensors, _rest(files["state.json"])

    def referred(self) -> list[int]:
        """Generations that the training states on disk go on from; empty where one of them cannot be read."""
        try:
            manifests = [bounded.read_json(self._state_path(n) / artifact.MANIFEST) for n in self._states()]
            return [int(manifest["meta"]["generation"]) for manifest in manifests]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _states(self) -> list[int]:
        """Numbers of the training states on disk, damaged ones too, ascending."""
        found = [path for path in (self.path / "state").iterdir() if ownership.NUMBER.fullmatch(path.name)]
        return sorted(int(path.name) for path in found if any((path / name).is_file() for name in STATE_FILES))

    def _state_path(self, number: int) -> Path:
        return self.path / "state" / f"{number:06d}"

    def _tidy(self, rows: np.dtype) -> None:
        """Deletes what is needed no more, and only what this run has made: states with a manifest, and shards that hold
        such rows, as many as their names say."""
        # A damaged state must not take the place of a good one.
        states = [number for number in self._states() if number not in self._damaged]
        dropped = [*states[:-KEPT_STATES], *self._damaged]
        try:
            kept = {name for number in states[-KEPT_STATES:] for name in self._shards_of(number)}
        except (OSError, ValueError, KeyError, TypeError):
            return  # leave everything for a person to look at
        artifact.drop_leftovers(self.path / "state")
        for number in dropped:  # before their shards, so that no state is ever there without what it refers to
            artifact.drop(self._state_path(number))
        self._damaged = []
        for path in (self.path / "replay").iterdir():
            if path.name not in kept and _is_shard(path, rows):
                with contextlib.suppress(OSError):  # the next save tries again
                    path.unlink()

    def _shards_of(self, number: int) -> set[str]:
        """Names of the files in replay/ that a state refers to. Raises OSError, ValueError, KeyError, TypeError."""
        shards = bounded.read_json(self._state_path(number) / "state.json", MAX_STATE)["shards"]
        return {shard["file"] for shard in shards if ownership.SHARD.fullmatch(shard["file"])}

    # -- evaluations -------------------------------------------------------------------------------------------

    def write_evaluation(self, history: list[tuple[int, dict[str, float]]]) -> None:
        """evaluation.csv: one line an evaluated generation."""
        records.replace(self.path / EVALUATION, evaluation_table(history))


def evaluation_table(history: list[tuple[int, dict[str, float]]]) -> bytes:
    """The content of evaluation.csv."""
    names = list(dict.fromkeys(name for _, metrics in history for name in metrics))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["generation", *names])
    for generation, metrics in history:
        writer.writerow([generation, *(f"{metrics[name]:.6g}" if name in metrics else "" for name in names)])
    return text.getvalue().encode()


def evaluation_file(run: Path) -> Path:
    """evaluation.csv of a run's folder, by the name it has there: an earlier version's, where that wrote it last."""
    now, old = run / EVALUATION, run / "strength.csv"
    return old if old.exists() and not now.exists() else now


def _rest(data: bytes) -> dict[str, Any]:
    """What a state.json says, by names of today. Raises one of DAMAGE where it is no JSON object of ours."""
    if len(data) > MAX_STATE:
        raise ValueError(f"its state.json has more than {MAX_STATE:,} bytes")
    return {config.current_key(key): value for key, value in bounded.parse_json(data).items()}


def _is_shard(path: Path, rows: np.dtype) -> bool:
    """Whether a file in replay/ is a shard of such rows, by its name and its header."""
    if not ownership.SHARD.fullmatch(path.name) or path.is_symlink():
        return False
    first, last = map(int, path.stem.split("-"))
    try:
        held = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return bool(held.dtype == rows and held.shape == (last - first,))


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"{str(value)[:20]} is no number of generations or rows")
    return value


def _other_fields(saved: np.dtype, wanted: np.dtype) -> str:
    """What rows hold more or less than the settings call for, as the end of "rows …"."""
    held, needed = set(saved.names or ()), set(wanted.names or ())
    what = [f"lack {', '.join(sorted(needed - held))}"] if needed - held else []
    what += [f"hold {', '.join(sorted(held - needed))} besides"] if held - needed else []
    return " and ".join(what) or "have another layout"


def _code_version(source: Path | None = None) -> str:
    """The commit that this package runs from; its version where it was installed, be it inside the folder of somebody
    else's git repository. source: a file of this package; None: this one."""
    source = source or Path(__file__).resolve()
    root = source.parents[2]
    project = root / "pyproject.toml"
    try:
        if 'name = "selfplay"' not in project.read_text("utf-8"):
            return __version__
        top = Path(_git(root, "rev-parse", "--show-toplevel"))
        if top.resolve() != root or not _git(root, "ls-files", "--", str(source.relative_to(root))):
            return __version__
        return _git(root, "describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, ValueError, subprocess.SubprocessError):
        return __version__


def _git(root: Path, *words: str) -> str:
    """What git says of the repository that holds `root`, whatever the environment names. Raises CalledProcessError."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=5, check=True)
    return done.stdout.strip()
