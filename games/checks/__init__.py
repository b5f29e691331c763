"""Checks of rules: the contract as tests, perft, playthroughs, exhaustive values, random play.

Knows the contract of `games.base`, no game.
"""
