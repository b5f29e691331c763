"""The folder of a sweep: its plan, its trials, and what was measured of them.

    sweep.json          the plan, every setting of every arm    arms/NAME.toml         of one arm, for `train --config`
    trials/NAME-SEED/   the run of a trial                      trials/NAME-SEED.log   what its training said
    trained.json        trials whose training is over           results.jsonl          what was measured, a line a trial
    table.csv, curve.csv, curve.png, positions.npz, tournament/

Whatever is written is replaced as a whole, so that a kill at any instant leaves the old or the new.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfplay.errors import FolderError
from selfplay.presets import files
from selfplay.storage import artifact, bounded, json_text, lock
from selfplay.sweeps import plan as plans
from selfplay.sweeps.plan import Plan, Trial

FORMAT = 1
PLAN, TRAINED, RESULTS = "sweep.json", "trained.json", "results.jsonl"
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)
MAX_FILE = 2**26  # bytes of plans and results; a thousand trials have a megabyte


class SweepFolder:
    """A sweep's folder, locked against a second sweep until the `with` block ends."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Makes the folder, or goes on with the sweep in it, which `plan` may extend. Raises FolderError."""
        self.path, self.plan = path, plan
        check(path, plan)
        try:
            for name in ("arms", "trials"):
                (path / name).mkdir(parents=True, exist_ok=True)
            self._lock = lock.Lock(path / "lock")
        except lock.Held as held:
            raise FolderError(
                f"another sweep (process {held.holder}) is using '{path}': wait for it, or choose another folder with "
                "--out."
            ) from None
        except OSError as error:
            raise _refused(path, error) from None
        try:
            for arm in plan.arms:
                text = files.text(f"{arm.name}.toml", plan.preset, arm.config)
                artifact.replace_file(path / "arms" / f"{arm.name}.toml", text.encode())
            self.write(PLAN, json_text.dumps({"format": FORMAT, **plan.values()}, indent=1))
            self.trained = read_trained(path)
            self.results = read_results(path)
        except OSError as error:
            self._lock.release()
            raise _refused(path, error) from None
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> SweepFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def run(self, trial: Trial) -> Path:
        """The run folder of a trial."""
        return self.path / "trials" / trial.name

    def log(self, trial: Trial) -> Path:
        return self.path / "trials" / f"{trial.name}.log"

    def add_trained(self, trial: Trial, wall: float) -> None:
        """Keeps that a trial's training is over. wall: seconds that its process ran in this session."""
        self.trained[trial.name] = wall
        self.write(TRAINED, json_text.dumps(self.trained, indent=1))

    def add_result(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Keeps what was measured of a trial."""
        self.results[trial.name] = {"arm": trial.arm, "seed": trial.seed, **result}
        self.write(RESULTS, "".join(json_text.dumps(line) + "\n" for line in self.results.values()))

    def write(self, name: str, content: str | bytes) -> None:
        """Replaces a file of this folder. Raises FolderError where the disk refuses."""
        data = content.encode() if isinstance(content, str) else content
        try:
            artifact.replace_file(self.path / name, data)
        except OSError as error:
            raise _refused(self.path, error) from None


def check(path: Path, plan: Plan) -> None:
    """Raises FolderError where a folder cannot hold this sweep. Changes nothing."""
    if path.is_file():
        raise FolderError(f"'{path}' is a file, and a sweep needs a folder: choose another with --out.")
    if not (path / PLAN).exists():
        if (path / "config.json").exists() or (path / "checkpoints").exists():
            raise FolderError(f"'{path}' holds a run, not a sweep: choose another folder with --out.")
        return
    try:
        saved = bounded.read_json(path / PLAN, MAX_FILE)
        differences = plans.changed(saved, json.loads(json_text.dumps(plan.values())))
    except DAMAGE:
        raise FolderError(f"{path / PLAN} is damaged: choose another folder with --out.") from None
    if differences:
        told = "; ".join(differences[:3]) + ("; …" if len(differences) > 3 else "")
        raise FolderError(
            f"'{path}' holds another sweep ({told}): choose another folder with --out, or ask for the same. Seeds and "
            "arms may be added."
        )


def read_trained(path: Path) -> dict[str, float]:
    """Trials whose training is over, with the seconds that it took."""
    try:
        return {str(name): float(wall) for name, wall in bounded.read_json(path / TRAINED, MAX_FILE).items()}
    except FileNotFoundError:
        return {}
    except DAMAGE:
        raise FolderError(
            f"{path / TRAINED} is damaged: delete it, and the same command finds out what is trained."
        ) from None


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """What was measured of a sweep's trials, by their names. Raises FolderError."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        try:
            for line in bounded.read(path / RESULTS, MAX_FILE).splitlines():
                result = bounded.parse_json(line)
                found[Trial(str(result["arm"]), int(result["seed"])).name] = {
                    **result, "metrics": json_text.numbers(result["metrics"])
                }  # fmt: skip
        except FileNotFoundError:
            raise
        except DAMAGE:
            raise FolderError(
                f"{path / RESULTS} is damaged: delete it, and the same command measures all trials again."
            ) from None
    return found


def _refused(path: Path, error: OSError) -> FolderError:
    return FolderError(f"cannot write to '{path}' ({error.strerror}): choose another folder with --out.")
