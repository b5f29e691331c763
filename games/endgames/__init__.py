"""Endgame tables: exact results of all positions with few pieces, computed from a game's own rules and kept on disk."""
