"""Tournaments and what their results say: Elo, Davidson's model, cycles, sequential tests.

Knows players by name only.
"""
