"""The training loop: runs, actor pools, run folders, metrics.

Knows the contract of `selfplay.agent`, no family of agents and no game.
"""
