"""Checks of names on the command line before anything heavy is loaded, so that a slip is refused at once.

Finds what cannot be right whatever is installed: a folder that is not there, a game or a kind of player that nobody
knows. What passes here is checked again by what loads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from selfplay import errors
from selfplay.errors import CheckpointError, ConfigError

KINDS = ("random", "greedy", "uct", "alphabeta", "solver")
EXAMPLES = "random, greedy, uct:1000, alphabeta:4, solver"
OTHERS = ("uci", "hub", "bundled")  # engines, and the agent of the package


def check_checkpoint(path: Path) -> None:
    """Raises CheckpointError where neither a run nor a generation can be."""
    if not path.exists():
        raise CheckpointError(f"'{path}' does not exist: expected a run's folder such as those in runs/.")
    if (path / "manifest.json").exists():
        return
    within = path if path.name == "checkpoints" else path / "checkpoints"
    if not any(place.name.isdigit() for place in within.glob("[0-9]*")):
        raise CheckpointError(
            f"'{path}' holds no checkpoint: expected a run's folder or one of its checkpoints/NNNNNN."
        )


def find_agent(path: Path) -> Path:
    """The folder of a trained agent that is named by a run's folder, a generation's, or a game that has a packaged
    agent. Raises CheckpointError."""
    from selfplay.players import pretrained

    if not path.exists():
        known = pretrained.available()
        if str(path) in known:
            return pretrained.path(str(path))
        raise CheckpointError(
            f"'{path}' does not exist: expected a run's folder such as those in runs/, or a game with a packaged "
            f"agent.{errors.suggest(str(path), known)} Packaged: {', '.join(known)}."
        )
    check_checkpoint(path)
    return path


def check_players(texts: Iterable[str], game: str | None) -> None:
    """Raises UserError for a text that no kind of player is named by, and for a game that nobody knows."""
    for text in texts:
        base = text.partition("?")[0]
        kind = base.partition(":")[0]
        if kind in KINDS or kind in OTHERS:
            continue
        if "/" not in base and not Path(base).exists():
            hint = errors.suggest(kind, [*KINDS, *OTHERS])
            raise ConfigError(
                f"no reference player is called '{text}', and no folder.{hint} Known: {EXAMPLES}, bundled, "
                "uci:COMMAND, hub:COMMAND, a run's folder."
            )
        check_checkpoint(Path(base))
    if game is not None:
        check_game(game)


def check_game(name: str) -> None:
    """Raises ConfigError for a game that nobody knows."""
    import games

    if name not in games.available() and not games.of_library(name):
        try:
            games.make(name)  # finds none, and says what there is
        except ValueError as error:
            raise ConfigError(str(error)) from None
