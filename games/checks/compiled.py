"""Check of the contract: rules that other compiled code may call must do what the game's methods do."""

from __future__ import annotations

import numpy as np

from games import base
from games.checks.answers import require
from games.checks.random_play import Sample, same


def compiled_rules_do_what_the_methods_do(game: base.Game, sample: Sample) -> None:
    """Where there are any; each compiled for one signature only."""
    rules = game.compiled_rules()
    if rules is None:
        return
    before, actions, step = sample.moves()
    states = base.copied(before)
    reward, discount = np.zeros((2, len(states)), dtype=np.float32)
    rules.step(states, base.kernel_ready(np.asarray(actions, dtype=np.int32)), reward, discount)
    alike = same(states, step.states) & (reward == step.reward) & (discount == step.discount)
    require(alike, game, before, "the compiled step does something else than the method")
    listed = np.zeros((len(before), game.max_legal_actions), dtype=np.int32)
    count = np.zeros(len(before), dtype=np.int32)
    rules.legal_actions(base.copied(before), listed, count)
    right, number = game.legal_actions(before)
    require((listed == right).all(axis=1) & (count == number), game, before, "compiled legal actions are others")
    signatures = [len(getattr(rule, "signatures", [1])) for rule in rules]
    assert signatures == [1, 1], f"compiled rules must have one signature each, not {signatures}"
