"""The public Python API of selfplay: load an agent, analyze positions, train, play matches. docs/api.md explains it.

Each name is imported when it is first used, so that `import selfplay` loads neither torch nor numba. This module knows
where names live and nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfplay.api.agents import Evaluated, TrainedAgent, load
    from selfplay.api.matches import MatchSummary, match
    from selfplay.api.samples import Samples, sample
    from selfplay.api.tournaments import RatedPlayer, Ratings, rate
    from selfplay.api.training import GenerationEnd, MetricsLogger, TrainingRun, preset, preset_names, train
    from selfplay.errors import UserError
    from selfplay.players.analysis import Analysis

__version__ = "0.1.0"

_HOME = {
    "Evaluated": "api.agents", "TrainedAgent": "api.agents", "load": "api.agents",
    "Analysis": "players.analysis",
    "MatchSummary": "api.matches", "match": "api.matches",
    "Samples": "api.samples", "sample": "api.samples",
    "RatedPlayer": "api.tournaments", "Ratings": "api.tournaments", "rate": "api.tournaments",
    "GenerationEnd": "api.training", "MetricsLogger": "api.training", "TrainingRun": "api.training",
    "preset": "api.training", "preset_names": "api.training", "train": "api.training",
    "UserError": "errors",
}  # fmt: skip

__all__ = [
    "Analysis",
    "Evaluated",
    "GenerationEnd",
    "MatchSummary",
    "MetricsLogger",
    "RatedPlayer",
    "Ratings",
    "Samples",
    "TrainedAgent",
    "TrainingRun",
    "UserError",
    "__version__",
    "load",
    "match",
    "preset",
    "preset_names",
    "rate",
    "sample",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'selfplay' has no attribute '{name}'; it has {', '.join(sorted(_HOME))}.")
    value = getattr(importlib.import_module(f"selfplay.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def _refuse_another_games_package() -> None:
    """Raises ImportError where `import games` finds a package that is not the one beside this one; the command ends."""
    ours = Path(__file__).resolve().parent.parent / "games" / "__init__.py"
    try:
        found = importlib.util.find_spec("games")  # which imports nothing
    except ValueError:  # a module without a specification, made by hand
        found = None
    origin = Path(found.origin).resolve() if found is not None and found.origin else None
    if not ours.is_file() or (origin == ours and "selfplay.games" not in ours.read_text("utf-8", "replace")):
        message = (
            f"selfplay's own package 'games' is missing from '{ours.parent}', or another package of that name was "
            "installed over it: install selfplay anew, in an environment of its own."
        )
    elif origin == ours:
        return
    else:
        place = "a module without a file" if origin is None else f"'{origin}'"
        message = (
            f"selfplay needs its own package 'games' in '{ours.parent}', but Python finds {place} under that name "
            "first: rename yours, or start Python from another folder (and take that folder out of PYTHONPATH)."
        )
    # The command, or `python -m selfplay` while Python looks for it: a sentence is enough.
    if sys.argv and (sys.argv[0] == "-m" or Path(sys.argv[0]).name == "selfplay"):
        sys.stderr.write(f"selfplay: {message}\n")
        raise SystemExit(2)
    raise ImportError(message, name="selfplay", path=str(origin))


_refuse_another_games_package()
