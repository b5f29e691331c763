"""The registry of players: makes players from the texts that people name them with. The one place that knows every kind
of player; `player_spec` and `engine_spec` read the texts.

runs/connect-four                     the newest generation of a run, or one generation's folder
runs/connect-four?simulations=400     the same with its own number of simulations; 0: the policy alone
bundled                               the agent that comes with the package
random, greedy, uct:1000, …           reference players, see reference.py
uci:stockfish?nodes=1000, hub:scan    external engines, see external/engines.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import games
from games.base import Game
from selfplay.errors import ConfigError
from selfplay.league import pool
from selfplay.players import network_player, player_spec, reference
from selfplay.players.external import engines
from selfplay.players.network_player import NetworkPlayer
from selfplay.players.player import Player
from selfplay.storage import artifact


def load_players(texts: list[str], game_name: str | None, num_simulations: int) -> tuple[Game, list[Player]]:
    """The game that these players share, and the players, each named by its text.

    game_name: needed where no player is a checkpoint. num_simulations: of trained players that name no number of their
    own. Raises UserError for a player that is not there, or plays another game."""
    agents: dict[Path, NetworkPlayer] = {}
    for text in texts:
        if player_spec.is_trained(text):
            path = path_of(text, game_name)
            agents[path] = agents.get(path) or network_player.load(path)
    game = shared_game(list(agents.values()), game_name)
    found: list[Player] = []
    for text in texts:
        if player_spec.is_trained(text):
            agent = agents[path_of(text, game_name)]
            found.append(agent.at(player_spec.simulations_of(text, num_simulations), text))
        elif text.partition(":")[0] in player_spec.ENGINES:
            found.append(engines.make(game, text))
        else:
            found.append(reference.make(game, text))
    return game, found


def close_players(players: Sequence[Player]) -> None:
    """Ends the external engines among them; may be called again."""
    for player in players:
        if isinstance(player, engines.ExternalEnginePlayer):
            player.close()


def path_of(text: str, game_name: str | None) -> Path:
    """The generation's folder that a trained player's text names. Raises UserError."""
    base = text.partition("?")[0]
    return pool.newest(Path(base)) if base != player_spec.BUNDLED else player_spec.bundled(game_name)


def digest(text: str, game_name: str | None, num_simulations: int) -> str:
    """Identifies what plays under a player's text: equal for equal players, and another one after more training."""
    if not player_spec.is_trained(text):
        return text
    sealed = artifact.identity(path_of(text, game_name))
    return f"{sealed}@{player_spec.simulations_of(text, num_simulations)}"


def shared_game(agents: list[NetworkPlayer], game_name: str | None) -> Game:
    """The game of all of these agents. Raises ConfigError where they differ, or where there is none."""
    names = {agent.game.name for agent in agents} | ({game_name} if game_name else set())
    if not names:
        raise ConfigError("no player is a checkpoint: name the game with --game.")
    if len(names) > 1:
        raise ConfigError(f"these players play different games: {', '.join(sorted(names))}.")
    if agents:
        return agents[0].game
    try:
        return games.make(names.pop())
    except ValueError as error:
        raise ConfigError(str(error)) from None
