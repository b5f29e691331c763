"""From samples to weights: learner, update rules, replay, hard-example mining.

Knows no family of agents and no game.
"""
