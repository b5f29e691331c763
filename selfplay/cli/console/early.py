"""Checks of names on the command line before anything heavy is loaded, so that a slip is refused at once.

Finds what cannot be right whatever is installed: a folder that is not there, a game or a kind of player that nobody
knows. What passes here is checked again by what loads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfplay import errors
from selfplay.errors import CheckpointError, ConfigError


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


def check_players(texts: Sequence[str], game: str | None) -> None:
    """Raises UserError for a text that names no player, or one with a number or an option that is not possible; and for
    a game that nobody knows."""
    from selfplay.players import player_spec

    if game is not None:
        check_game(game)
    for text in texts:
        base = text.partition("?")[0]
        if base == player_spec.BUNDLED:
            player_spec.bundled(game)
            player_spec.simulations_of(text, 0)
        elif not check_untrained(text):
            if "/" not in base and not Path(base).exists():
                kinds = [*player_spec.REFERENCES, *player_spec.ENGINES, player_spec.BUNDLED]
                raise ConfigError(
                    f"no reference player is called '{text}', and no folder."
                    f"{errors.suggest(base.partition(':')[0], kinds)} Known: {player_spec.EXAMPLES}, bundled, "
                    "uci:COMMAND, hub:COMMAND, a run's folder."
                )
            check_checkpoint(Path(base))
            player_spec.simulations_of(text, 0)
    if game is None and not any(map(player_spec.is_trained, texts)):
        raise ConfigError("no player is a checkpoint: name the game with --game.")
    if game is not None:
        _check_offered(texts, game)


def _check_offered(texts: Sequence[str], game: str) -> None:
    """Raises ConfigError for a reference player that needs an engine or a solver which the game has not."""
    asked = [text for text in texts if text.partition(":")[0] in ("alphabeta", "solver")]
    if not asked:
        return
    import games
    from selfplay.players import reference

    made = games.make(game)
    for text in asked:
        reference.make(made, text)


def check_untrained(text: str) -> bool:
    """Whether `text` names a reference player or an engine. Raises ConfigError where its number, program or options
    cannot be."""
    from selfplay.players import player_spec
    from selfplay.players.external import engine_spec, protocols

    kind = text.partition("?")[0].partition(":")[0]
    if kind in player_spec.REFERENCES:
        player_spec.reference(text)
    elif kind in player_spec.ENGINES:
        engine_spec.parse(text, protocols.UciLanguage() if kind == "uci" else protocols.HubLanguage())
    else:
        return False
    return True


def check_game(name: str) -> None:
    """Raises ConfigError for a game that nobody knows."""
    import games

    if name not in games.available() and not games.of_library(name):
        try:
            games.make(name)  # finds none, and says what there is
        except ValueError as error:
            raise ConfigError(str(error)) from None
