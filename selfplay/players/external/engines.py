"""External engines as players: any program that speaks UCI, or Hub for draughts. `engine_spec` reads their texts."""

from __future__ import annotations

from pathlib import Path

import games
from games.base import Game
from games.protocols import Protocols
from selfplay.errors import ConfigError
from selfplay.players.external import engine_spec, protocols
from selfplay.players.external.engine_player import EngineNotation, ExternalEnginePlayer
from selfplay.players.external.engine_process import Client


def make(game: Game, text: str) -> ExternalEnginePlayer:
    """The player that `text` names; see the module docstring. Raises UserError for an engine that is not there, does
    not speak the protocol or play the game, or has no such option."""
    uci = text.partition(":")[0] == "uci"
    notation, language = (_uci(game), protocols.UciLanguage()) if uci else (_hub(game), protocols.HubLanguage())
    return ExternalEnginePlayer(game, engine_spec.parse(text, language), language, notation, make)


def _uci(game: Game) -> EngineNotation:
    facet = games.facet(game, Protocols)
    text = facet.uci()
    if text is None:
        other = " 'hub:…' names engines for it." if facet.hub() else ""
        raise ConfigError(f"{game.name} cannot be played with UCI engines.{other}")

    def settings(client: Client, folder: Path) -> dict[str, str]:
        options = {option.name: option for option in client.options}
        variants = options.get("UCI_Variant")
        needed, definition = dict(text.options), text.definition
        if variants is None and text.variant == "chess":
            return needed
        if variants is not None and text.variant in variants.choices:
            return {"UCI_Variant": text.variant, **needed}
        if variants is not None and definition and "VariantPath" in options:
            path = folder / "variants.ini"
            path.write_text(definition, "utf-8")
            return {"VariantPath": str(path), "UCI_Variant": text.variant, **needed}
        raise ConfigError(f"the engine '{client.name}' does not play {game.name}: UCI_Variant has no '{text.variant}'.")

    return EngineNotation(
        settings, game.initial_states(1).tobytes(), text.to_fen, lambda state, actions: text.move(state, actions[0]),
        lambda state, move: [text.action(state, move)],
    )  # fmt: skip


def _hub(game: Game) -> EngineNotation:
    facet = games.facet(game, Protocols)
    text = facet.hub()
    if text is None:
        other = " 'uci:…' names engines for it." if facet.uci() else ""
        raise ConfigError(f"{game.name} cannot be played with Hub engines.{other}")

    def settings(client: Client, folder: Path) -> dict[str, str]:
        variants = {option.name: option.choices for option in client.options}.get("variant", ())
        if variants and text.variant not in variants:
            raise ConfigError(f"the engine '{client.name}' plays {', '.join(variants)}, but not {text.variant}.")
        return {"variant": text.variant} if variants else {}

    return EngineNotation(settings, b"", text.position, text.move, text.actions)
