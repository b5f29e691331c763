"""Our games as PettingZoo AEC environments, for agents and tools of others.

Both players observe the position from the view of the player to move, with a mask of the legal actions; the player who
is not to move has none. Knows PettingZoo and the contract of games, nothing of search or learning.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import games
from games.base import Game
from selfplay.errors import ArgumentError, UserError

try:
    from gymnasium import spaces
    from pettingzoo import AECEnv
except ImportError:
    raise UserError("PettingZoo is not installed: `pip install selfplay[pettingzoo]`.") from None

AGENTS = ["player_0", "player_1"]  # by seat


class GameEnv(AECEnv):
    """A game of ours, one action a step. Rewards come at the end: what the winner gains, the loser loses."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi", "human"], "is_parallelizable": False}

    def __init__(self, game: Game, render_mode: str | None = None) -> None:
        """render_mode: "ansi" has `render` return the board as text, "human" prints it."""
        super().__init__()
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ArgumentError(f"render_mode is {render_mode!r}, and must be 'ansi', 'human' or None.")
        self.game, self.render_mode = game, render_mode
        self.metadata = self.metadata | {"name": f"{game.name}_v{game.version}"}  # type: ignore[misc]
        self.possible_agents = list(AGENTS)
        observed = spaces.Dict({
            "observation": spaces.Box(0.0, 1.0, game.observation_shape, np.float32),
            "action_mask": spaces.Box(0, 1, (game.num_actions,), np.int8),
        })  # fmt: skip
        self.observation_spaces = dict.fromkeys(AGENTS, observed)
        self.action_spaces = {agent: spaces.Discrete(game.num_actions) for agent in AGENTS}

    def observation_space(self, agent: str) -> Any:
        """observation: [P, R, C] float32 in [0, 1]; action_mask: [A] int8, 1 where an action is legal."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Numbers of actions, as the game has them."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begins a new game. Nothing in it is random, so the seed changes nothing."""
        self.states = self.game.initial_states(1)  # [1] state_dtype
        self.agents = list(AGENTS)
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations, self.truncations = dict.fromkeys(AGENTS, False), dict.fromkeys(AGENTS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in AGENTS}
        self.agent_selection = AGENTS[self.states["to_play"][0]]

    def observe(self, agent: str) -> dict[str, np.ndarray]:
        """See `observation_space`."""
        mask = np.zeros(self.game.num_actions, dtype=np.int8)
        if agent == self.agent_selection:
            actions, count = self.game.legal_actions(self.states)
            mask[actions[0, : count[0]]] = 1
        return {"observation": self.game.observe(self.states)[0], "action_mask": mask}

    def step(self, action: int | None) -> None:
        """Plays an action of `agent_selection`. Raises UserError for one that is not legal."""
        agent = self.agent_selection
        if self.terminations[agent]:
            self._was_dead_step(action)
            return
        actions, count = self.game.legal_actions(self.states)
        if action is None or int(action) not in actions[0, : count[0]]:
            legal = ", ".join(map(str, actions[0, : count[0]].tolist()))
            raise ArgumentError(f"action {action} is not legal for {agent} here; legal actions: {legal}.")
        self._cumulative_rewards[agent] = 0.0
        step = self.game.step(self.states, np.array([int(action)]))
        self.states = step.states
        gain = float(step.reward[0])
        self.rewards = {each: gain if each == agent else -gain for each in AGENTS}
        if step.discount[0] == 0:
            self.terminations = dict.fromkeys(AGENTS, True)
        self.agent_selection = AGENTS[self.states["to_play"][0]]
        self._accumulate_rewards()
        if self.render_mode == "human":
            self.render()

    def render(self) -> str | None:
        """The board as text, returned or printed by the render mode."""
        board = self.game.to_string(self.states[0])
        if self.render_mode != "human":
            return board
        import sys

        sys.stdout.write(board + "\n\n")
        return None

    def close(self) -> None:
        """Nothing is held open."""


def make(name: str, render_mode: str | None = None) -> GameEnv:
    """The game called `name` as an environment. Raises UserError where there is none of that name."""
    try:
        return GameEnv(games.make(name), render_mode)
    except ValueError as error:
        raise ArgumentError(str(error)) from None
