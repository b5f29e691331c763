"""The check of a run's folder: every generation, state and shard by its digest, and every other file by its own.

    checkpoints/ state/ learner/ replay/   by SHA-256, from manifests and states  *.png tensorboard/   by their own CRCs
    config.json run.json metrics.jsonl drift.jsonl evaluation.csv payoffs.json streams.json   by digests.json

Reads only, one block at a time. A run goes on from the newest state that is whole, with its generation and its shards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from selfplay.drift import events, watching
from selfplay.errors import CheckpointError
from selfplay.league import pool
from selfplay.loop import folder as folders
from selfplay.loop import metrics, ownership
from selfplay.loop.reactions import learner_states
from selfplay.storage import artifact, bounded, line_file, records
from selfplay.verify import findings, formats
from selfplay.verify.findings import DAMAGED, LEFT_OVER, MISSING, NOT_OURS, UNREFERENCED, Report

MOVED = "damaged"  # the folder that repairs move damaged pieces to
PAYOFFS = "payoffs.json"
LOCK = "lock"
_LEFT_OVER = re.compile(r"\..+\.(partial|aside|dropped)")
_SHARD = re.compile(r"\d+-\d+\.npy")
_EFFECTS = {
    "config.json": "the settings that the run goes on with; --repair restores them from a saved state",
    "run.json": "what machine and code the run was started on; training does not read it",
    events.FILE: "alarms of drift; training does not read them. --repair keeps every line that is an alarm",
    watching.STREAMS: "what is watched for drift; training does not read it. The next generation writes it anew",
    metrics.FILE: "figures by generation; training does not read them. --repair keeps every line that is JSON",
    folders.EVALUATION: "a table of evaluations; training does not read it. --repair writes it anew from a saved state",
    PAYOFFS: "a copy of results that saved states hold too; the next generation writes it anew",
}
RECORDED = tuple(_EFFECTS)


class StateCheck(NamedTuple):
    """A training state as the check found it."""

    path: Path
    rest: dict[str, Any] | None  # state.json; None where the artifact is damaged
    bad_shards: tuple[str, ...]
    generation_is_whole: bool

    @property
    def usable(self) -> bool:
        return self.rest is not None and not self.bad_shards and self.generation_is_whole


class RunCheck(NamedTuple):
    """The report, and what a repair needs besides."""

    report: Report
    states: list[StateCheck]  # oldest first
    generations: list[int]  # that are whole

    @property
    def resumes(self) -> StateCheck | None:
        return next((state for state in reversed(self.states) if state.usable), None)

    @property
    def salvageable(self) -> StateCheck | None:
        """The newest state that could be gone on from with a shorter window: only shards before the last are bad."""
        for state in reversed(self.states):
            if state.rest is not None and state.generation_is_whole and kept_shards(state):
                return state
        return None


def kept_shards(state: StateCheck) -> list[dict[str, Any]]:
    """Shards of a state after the last one that is damaged or missing."""
    shards: list[dict[str, Any]] = (state.rest or {}).get("shards", [])
    bad = [place for place, shard in enumerate(shards) if shard["file"] in state.bad_shards]
    return shards[bad[-1] + 1 :] if bad else shards


def check(run: Path, on_progress: findings.OnProgress | None = None) -> RunCheck:
    """Checks the folder of a run."""
    report = Report(run, "run", on_progress)
    whole = [number for number in pool.Pool(run / "checkpoints").generations() if _generation(run, number, report)]
    states = _states(run, whole, report)
    for path in sorted((run / ownership.LEARNER).glob("[0-9]*")):
        artifact_is_whole(path, learner_states.KIND, "the run cannot go back to this generation's learner", report)
    found = RunCheck(report, states, whole)
    _records(run, report)
    _self_checked(run, report)
    _others(run, report)
    report.summary = _summary(found)
    return found


def check_generation(folder: Path, on_progress: findings.OnProgress | None = None) -> Report:
    """Checks the folder of one generation."""
    report = Report(folder, "generation", on_progress)
    meta = artifact_is_whole(folder, "weights", "use another generation", report)
    report.summary = f"generation {meta.get('generation')}" if meta is not None else "cannot be used"
    return report


def _summary(found: RunCheck) -> str:
    if found.resumes is not None and found.resumes.rest is not None:
        rest = found.resumes.rest
        newest = "" if found.resumes is found.states[-1] else ", the one before the newest"
        return f"goes on from generation {rest['generation']} (state {found.resumes.path.name}{newest})"
    if found.salvageable is not None and found.salvageable.rest is not None:
        kept = sum(shard["last"] - shard["first"] for shard in kept_shards(found.salvageable))
        return (
            f"no state can be gone on from as it is; --repair makes one of state {found.salvageable.path.name} with "
            f"the newest {kept:,} of {found.salvageable.rest['window']:,} rows"
        )
    left = f"generation {found.generations[-1]} can be played and rated" if found.generations else "nothing is left"
    if not found.states and not found.report.damaged:
        return f"was never saved: training starts from the beginning; {left}"
    return f"no state can be gone on from; {left}"


# -- artifacts ---------------------------------------------------------------------------------------------


def _generation(run: Path, number: int, report: Report) -> bool:
    folder = run / "checkpoints" / f"{number:06d}"
    effect = f"generation {number} is lost; opponents and ratings leave it out"
    return artifact_is_whole(folder, "weights", effect, report) is not None


def artifact_is_whole(folder: Path, kind: str, effect: str, report: Report) -> dict[str, Any] | None:
    """Adds what is wrong with an artifact; its meta where nothing is."""
    try:
        meta, wrong = artifact.check(folder)
    except CheckpointError as error:
        report.count(folder / artifact.MANIFEST)
        if folder.exists():  # or a running trainer has dropped it meanwhile
            report.add(folder, DAMAGED, f"{error} Effect: {effect}.")
        return None
    files = [path for path in folder.iterdir() if path.name != artifact.MANIFEST]
    report.count(folder / artifact.MANIFEST, *files)
    for name, state in sorted(wrong.items()):
        if folder.exists():
            report.add(folder / name, state, f"{effect}")
    if meta.get("kind") != kind:
        report.add(folder, DAMAGED, f"holds {meta.get('kind', 'something else')}, not {kind}: {effect}")
        return None
    return None if wrong else meta


def _states(run: Path, generations: list[int], report: Report) -> list[StateCheck]:
    paths = sorted((p for p in (run / "state").glob("[0-9]*") if p.name.isdigit()), key=lambda path: int(path.name))
    checked: dict[tuple[str, str], str] = {}  # shards: what is wrong with them
    found = []
    for path in paths:
        effect = "the run goes on from another state, if one is whole"
        meta = artifact_is_whole(path, "training state", effect, report)
        rest = _rest(path, effect, report) if meta is not None else None
        if rest is None:
            if path.exists():
                found.append(StateCheck(path, None, (), False))
            continue
        bad = [shard["file"] for shard in rest["shards"] if _shard(run, shard, path.name, checked, report)]
        whole = rest["generation"] in generations
        if not whole and not (run / "checkpoints" / f"{rest['generation']:06d}").exists():
            missing = run / "checkpoints" / f"{rest['generation']:06d}"
            report.add(missing, MISSING, f"state {path.name} goes on from this generation and cannot be used without")
        found.append(StateCheck(path, rest, tuple(bad), whole))
    _unreferenced(run, found, report)
    return found


def _rest(path: Path, effect: str, report: Report) -> dict[str, Any] | None:
    try:
        rest: dict[str, Any] = bounded.read_json(path / "state.json", folders.MAX_STATE)
        numbers = [int(one[key]) for one in rest["shards"] for key in ("first", "last")]
        numbers += [int(rest["generation"]), int(rest["window"])]
        if any(not _SHARD.fullmatch(one["file"]) or not isinstance(one["sha256"], str) for one in rest["shards"]):
            raise ValueError(numbers)
    except (OSError, *folders.DAMAGE) as error:
        report.add(path / "state.json", DAMAGED, f"does not say what a state says ({type(error).__name__}): {effect}")
        return None
    return rest


def _shard(
    run: Path, shard: dict[str, Any], state: str, checked: dict[tuple[str, str], str], report: Report
) -> bool:  # fmt: skip
    """Whether a shard that a state refers to is damaged or missing; each is told once."""
    path, key = run / "replay" / shard["file"], (shard["file"], shard["sha256"])
    if key not in checked:
        written = artifact.digest_of(path)
        checked[key] = "" if written == shard["sha256"] else DAMAGED if path.exists() else MISSING
        report.count(path)
        if checked[key]:
            rows = shard["last"] - shard["first"]
            report.add(path, checked[key], f"{rows:,} rows of the replay: state {state} cannot be used as it is")
    return bool(checked[key])


def _unreferenced(run: Path, states: list[StateCheck], report: Report) -> None:
    named = {shard["file"] for state in states for shard in (state.rest or {}).get("shards", [])}
    for path in sorted((run / "replay").glob("*")):
        if _SHARD.fullmatch(path.name) and path.name not in named:
            known = all(state.rest is not None for state in states)
            report.count(path)
            report.add(path, UNREFERENCED, "rows that no state refers to" if known else "no readable state names it")


# -- single files --------------------------------------------------------------------------------------------


def _records(run: Path, report: Report) -> None:
    try:
        known = records.load(run)
        wrong = records.check(run)
    except CheckpointError as error:
        report.add(run / records.FILE, DAMAGED, f"{error} --repair records them as they are now")
        known, wrong = {}, {}
    for name in known:
        if (run / name).exists():  # a kill may have come before it was
            report.count(run / name)
        if wrong.get(name) == "torn":
            report.add(run / name, LEFT_OVER, "its last line was cut short; the next session takes it out")
        elif name in wrong:
            report.add(run / name, wrong[name], _EFFECTS.get(name, "training does not read it") + _where(run / name))
        elif name == metrics.FILE and _where(run / name):  # kept by sessions since the damage
            report.add(run / name, DAMAGED, _EFFECTS[name] + _where(run / name))
    for name in _EFFECTS:
        if name not in known and (run / name).exists():
            report.count(run / name)
            if not _json_is_whole(run / name):
                report.add(run / name, DAMAGED, _EFFECTS[name] + _where(run / name))
            report.unlisted.append(name)


def _where(path: Path) -> str:
    """Which lines of metrics.jsonl are damaged, as the end of a sentence; empty for other files, and where none is."""
    try:
        numbers = metrics.damaged(path.parent) if path.name == metrics.FILE else []
    except OSError:
        return ""
    return f" (damaged: {line_file.told(numbers)})" if numbers else ""


def _json_is_whole(path: Path) -> bool:
    """What can be said of a file without a digest: whether it is JSON, or has lines of metrics, if its name says so."""
    try:
        if path.suffix == ".json":
            bounded.read_json(path, folders.MAX_STATE)
        elif path.name == metrics.FILE:
            return not metrics.damaged(path.parent)
    except (OSError, ValueError):
        return False
    return True


def _self_checked(run: Path, report: Report) -> None:
    for path in sorted(run.glob("*.png")):
        report.count(path)
        if not _safely(formats.png_is_whole, path):
            report.add(path, DAMAGED, "a picture; the next evaluation draws it anew")
    for path in sorted((run / "tensorboard").glob("events.out.tfevents.*")):
        report.count(path)
        whole = _safely(formats.events_are_whole, path)
        if whole is None:
            report.add(
                path, LEFT_OVER, "ends in the middle of a record, as a kill leaves it; TensorBoard reads the rest"
            )
        elif not whole:
            report.add(path, DAMAGED, "TensorBoard reads it up to the damage; metrics.jsonl holds the same figures")


def _safely(test: Any, path: Path) -> bool | None:
    try:
        result: bool | None = test(path)
    except OSError:
        return False
    return result


def _others(run: Path, report: Report) -> None:
    ours = {
        "checkpoints",
        "state",
        ownership.LEARNER,
        "replay",
        "tensorboard",
        MOVED,
        LOCK,
        f"{LOCK}.pid",
        records.FILE,
        *_EFFECTS,
    }
    ours |= set(folders.OLD_FILES)
    for path in _entries(run):
        name = path.name
        if _LEFT_OVER.fullmatch(name):
            report.add(path, LEFT_OVER, "of a save that was cut short; the next session puts it right")
        elif path.parent == run:
            if name not in ours and path.suffix != ".png":
                report.add(path, NOT_OURS, "left alone")
        elif not (name.isdigit() or (path.parent.name == "replay" and _SHARD.fullmatch(name))):
            report.add(path, NOT_OURS, "left alone")


def _entries(run: Path) -> Iterator[Path]:
    for folder in (run, *(run / name for name in (*ownership.ARTIFACTS, ownership.LEARNER, "replay"))):
        if folder.is_dir():
            yield from sorted(folder.iterdir())
