"""Tournaments of the commands `match` and `elo`: conditions, participants, playing, reports."""
