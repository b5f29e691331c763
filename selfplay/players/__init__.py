"""Players of board games: network agents, reference players, external engines, matches between them.

Knows no training.
"""
