"""The registry of players: makes players from the texts that people name them with. The one place that knows every kind
of player.

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
from selfplay import errors
from selfplay.errors import ConfigError
from selfplay.league import pool
from selfplay.players import network_player, pretrained, reference
from selfplay.players.external import engines
from selfplay.players.levels import MAX_SIMULATIONS
from selfplay.players.network_player import NetworkPlayer
from selfplay.players.player import Player
from selfplay.storage import artifact

BUNDLED = "bundled"
ENGINES = ("uci", "hub")


def is_trained(text: str) -> bool:
    """Whether `text` names a checkpoint rather than a player without one."""
    base = text.partition("?")[0]
    if base == BUNDLED:
        return True
    kind = base.partition(":")[0]
    return kind not in ENGINES and kind not in reference.KINDS and ("/" in base or Path(base).exists())


def load_players(texts: list[str], game_name: str | None, num_simulations: int) -> tuple[Game, list[Player]]:
    """The game that these players share, and the players, each named by its text.

    game_name: needed where no player is a checkpoint. num_simulations: of trained players that name no number of their
    own. Raises UserError for a player that is not there, or plays another game."""
    agents: dict[Path, NetworkPlayer] = {}
    for text in texts:
        if is_trained(text):
            path = path_of(text, game_name)
            agents[path] = agents.get(path) or network_player.load(path)
    game = shared_game(list(agents.values()), game_name)
    found: list[Player] = []
    for text in texts:
        if is_trained(text):
            agent = agents[path_of(text, game_name)]
            found.append(agent.at(simulations_of(text, num_simulations), text))
        elif text.partition(":")[0] in ENGINES:
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
    if base != BUNDLED:
        return pool.newest(Path(base))
    if game_name is None:
        raise ConfigError("'bundled' is the agent of a game: name the game with --game.")
    return pretrained.path(game_name)


def simulations_of(text: str, default: int) -> int:
    """The number after ?simulations=, or the default. Raises ConfigError."""
    query = text.partition("?")[2]
    if not query:
        return default
    name, _, number = query.partition("=")
    if name != "simulations":
        hint = errors.suggest(name, ["simulations"])
        raise ConfigError(f"'{text}': a trained player has no option '{name}'.{hint} Known: simulations.")
    if not (number.isascii() and number.isdigit() and int(number) <= MAX_SIMULATIONS):
        raise ConfigError(f"'{text}': simulations must be a whole number from 0 to {MAX_SIMULATIONS:,}.")
    return int(number)


def digest(text: str, game_name: str | None, num_simulations: int) -> str:
    """Identifies what plays under a player's text: equal for equal players, and another one after more training."""
    if not is_trained(text):
        return text
    sealed = artifact.identity(path_of(text, game_name))
    return f"{sealed}@{simulations_of(text, num_simulations)}"


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
