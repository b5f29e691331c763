"""One random game written out in full: everything the game says of every position, for people to read as a diff.

The files of ``tests/playthroughs/`` pin down a game's behaviour; ``scripts/regenerate_playthroughs.py`` writes them.
Knows the contract, not the game.
"""

from __future__ import annotations

import numpy as np

import games
from games import base
from games.notation import Notation

WIDTH = 110  # characters; planes are drawn side by side up to here
LABEL = "planes "


def playthrough(game: base.Game, seed: int) -> str:
    """The text of one random game, ending in a newline. The same for the same game version and seed, everywhere."""
    # Raw words of a bit generator: NumPy promises these not to change between versions, unlike Generator's methods.
    choices = np.random.PCG64(seed)
    lines = [f"game: {game.name}", f"seed: {seed}", *_declarations(game)]
    states = game.initial_states(1)
    moves: list[str] = []
    ply = 0
    while True:
        actions, count = game.legal_actions(states)
        legal = actions[0, : count[0]].tolist()
        lines += ["", f"== ply {ply}", *_position(game, states, legal)]
        if not legal or ply >= game.max_game_length:
            break
        action = legal[int(choices.random_raw()) % len(legal)]
        moves.append(game.action_to_string(states[0], action))
        step = game.step(states, np.array([action], dtype=np.int32))
        lines += ["", f"-- action {action}: {moves[-1]}"]
        lines += [f"reward: {step.reward[0]:g}", f"discount: {step.discount[0]:g}"]
        states = step.states
        ply += 1
    lines += ["", f"record: {games.facet(game, Notation).move_separator.join(moves)}"]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _declarations(game: base.Game) -> list[str]:
    dtype = game.state_dtype
    fields = [(name, dtype.fields[name][0]) for name in dtype.names or ()] if dtype.fields else []
    return [
        f"version: {game.version}",
        "state: " + ", ".join(f"{name} {kind.base.name}{list(kind.shape) or ''}" for name, kind in fields),
        f"num_actions: {game.num_actions}",
        f"max_legal_actions: {game.max_legal_actions}",
        f"max_game_length: {game.max_game_length}",
        f"observation_shape: {game.observation_shape}",
        f"num_symmetries: {game.num_symmetries}",
    ]


def _position(game: base.Game, states: np.ndarray, legal: list[int]) -> list[str]:
    state = states[0]
    return [
        game.to_string(state),
        f"to_play: {state['to_play']}",
        f"terminal: {bool(state['terminal'])}",
        f"key: {int(game.key(states)[0]):#018x}",
        "legal actions: " + " ".join(map(str, legal)),
        "legal moves: " + " ".join(game.action_to_string(state, action) for action in legal),
        *draw_planes(game.observe(states)[0]),
    ]


def draw_planes(planes: np.ndarray) -> list[str]:
    """Lines that draw the planes side by side. planes: [P, R, C] in [0, 1].

    ``.`` is 0, ``#`` is 1, a digit the tenths between; planes of one value throughout are only named.
    """
    drawings, constant = [], []
    for number, plane in enumerate(planes):
        if (plane == plane[0, 0]).all():
            constant.append(f"{number} is {plane[0, 0]:.4g}")
        else:
            drawings.append([f"{number}:", *("".join(map(_character, row)) for row in plane)])
    lines = ["constant planes: " + ", ".join(constant)] if constant else []
    columns = max(planes.shape[2], 4) + 2
    per_line = max((WIDTH - len(LABEL)) // columns, 1)
    for first in range(0, len(drawings), per_line):
        for i, parts in enumerate(zip(*drawings[first : first + per_line], strict=True)):
            label = LABEL if i == 0 else " " * len(LABEL)
            lines.append(label + "".join(f"{part:<{columns}}" for part in parts))
    return lines


def _character(value: float) -> str:
    return "." if value == 0 else "#" if value == 1 else str(int(value * 10))
