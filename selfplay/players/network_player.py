"""The network player: a trained agent from a checkpoint, with tree search around its network. Knows no training."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

import games
from games.base import Game
from games.endgames.tables import in_words
from games.knowledge import Knowledge
from selfplay import config as configs
from selfplay import device
from selfplay.errors import CheckpointError
from selfplay.league import pool
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.players import analysis, player
from selfplay.search import search
from selfplay.search.config import SearchConfig
from selfplay.storage import artifact


class Verdict(NamedTuple):
    """The result of a move with best play of both sides."""

    value: int  # +1 win, 0 draw, -1 loss for the player who makes it
    distance: int  # moves of either side to the end, this one included; 0 where it is drawn, or not known

    def __str__(self) -> str:
        return in_words(*self)


class NetworkPlayer:
    """One generation's network with tree search around it. Deterministic: no noise, no temperature. Pickles with its
    weights."""

    def __init__(self, game: Game, evaluate: search.Evaluate, config: SearchConfig, description: str) -> None:
        self.game, self.evaluate, self.description = game, evaluate, description
        self.config = config

    def at(self, num_simulations: int, name: str = "") -> player.SearchPlayer:
        """This agent as a player with this number of simulations a move; 0: the network's policy alone."""
        return player.SearchPlayer(name or self.description, self.game, self.evaluate, self.config, num_simulations)

    def analyze(self, states: np.ndarray, num_simulations: int) -> list[analysis.Analysis]:
        """What a search finds in each of states [B], none of them over. 0 simulations: the network's policy alone."""
        return analysis.analyses(self.game, self.evaluate, self.config, states, num_simulations)

    def verdicts(self, state: np.void) -> dict[str, Verdict] | None:
        """What is certain of each legal move for the player to move; None where the game has neither solver nor a table
        of this endgame."""
        found = games.facet(self.game, Knowledge).exact(np.array([state], dtype=self.game.state_dtype))
        if found is None or not found.known[0]:
            return None
        return {
            move: Verdict(int(found.values[0, action]), 0 if found.distance is None else int(found.distance[0, action]))
            for move, action in self.game.legal_moves(state).items()
        }


def load(path: Path) -> NetworkPlayer:
    """The player in a generation's folder, or the newest generation of a run. Raises CheckpointError."""
    device.tune_process()
    folder = pool.newest(path)
    meta, weights = pool.load_weights(folder)
    if meta.get("family") != "alphazero" or policy_value.PLAYER not in weights:
        raise CheckpointError(f"{folder} does not hold an AlphaZero agent (family {meta.get('family')!r}).")
    missing = [key for key in ("game", "game_version", "network", "generation") if key not in meta]
    if missing or not all(isinstance(meta.get(key, {}), dict) for key in ("network", "search", "game_options")):
        raise CheckpointError(f"{folder} does not say what it holds ({', '.join(missing) or 'network or search'}).")
    try:
        game = games.make(str(meta["game"]), **meta.get("game_options", {}))
    except ValueError as error:
        raise CheckpointError(f"{folder} plays a game that is not installed: {error}") from None
    if meta["game_version"] != game.version:
        raise CheckpointError(
            f"{folder} was trained on version {meta['game_version']} of {game.name}, this is version {game.version}: "
            "train again, or use the selfplay version it was made with."
        )
    size, tensors = configs.from_values(NetworkConfig, meta["network"]), weights[policy_value.PLAYER]
    artifact.require_fit(lambda: policy_value.PolicyValueNet(game, size), tensors, folder)
    evaluator = inference.NetworkEvaluator(game, size)
    evaluator.load(tensors)
    searching = configs.from_values(SearchConfig, meta.get("search", {}))
    return NetworkPlayer(game, evaluator, searching, f"generation {meta['generation']} of {folder.parent.parent}")
