"""The check of shared inference: an inference server starts, and answers as a network in this process does."""

from __future__ import annotations

import secrets
import sys
import time

import numpy as np

from selfplay.cli.checkup.finding import Finding, judge

WHAT = "shared inference"
SIZES = (1, 2, 7, 16, 17, 31, 64)  # of batches
TRIPS = 50


def shared_inference() -> list[Finding]:
    """Starts an inference server for tic-tac-toe, and compares its answers in batches of several sizes."""
    if sys.platform != "linux":
        return [Finding("ok", WHAT, "not on this system: inference.mode=shared needs Linux")]
    import torch

    import games
    from selfplay.networks import inference, policy_value
    from selfplay.networks.config import InferenceConfig, NetworkConfig
    from selfplay.networks.shared import client, launcher
    from selfplay.search.search import Leaves

    game, network = games.make("tic-tac-toe"), NetworkConfig(channels=8, blocks=1)
    weights = policy_value.PolicyValueNet(game, network).state_dict()
    own = inference.NetworkEvaluator(game, network, torch.device("cpu"))
    own.load(weights)
    config = InferenceConfig(mode="shared", device="cpu")
    connection = client.Client(game, launcher.Server(secrets.token_hex(8), 0, game, network, config), max(SIZES), 1)
    evaluator = client.SharedEvaluator(connection, "doctor")
    evaluator.load(weights)

    def leaves(size: int) -> Leaves:
        states = game.initial_states(size)
        for ply in range(3):
            actions, count = game.legal_actions(states)
            states = game.step(states, actions[np.arange(size), (7 * np.arange(size) + ply) % count]).states
        actions, count = game.legal_actions(states)
        return Leaves(np.arange(size), np.arange(size), states, actions, count)

    try:
        began = time.perf_counter()
        whole = evaluator(leaves(max(SIZES)))
        started = time.perf_counter() - began
        alike = True
        for size in SIZES:
            asked = leaves(size)
            for found in (evaluator(asked), own(asked)):
                alike &= all(np.array_equal(a, b[:size]) for a, b in zip(found, whole, strict=True))
        began = time.perf_counter()
        for _ in range(TRIPS):
            evaluator(leaves(1))
        trip = (time.perf_counter() - began) / TRIPS
    finally:
        connection.close()
    figure = f"a server started in {started:.1f} s; one position there and back in {1e6 * trip:,.0f} µs"
    figure += "" if alike else "; answers depend on what else is in a batch"
    remedy = "with inference.mode=shared a run's games are not those of inference.mode=local, nor the same again"
    return [judge(WHAT, figure, remedy, warn=not alike)]
