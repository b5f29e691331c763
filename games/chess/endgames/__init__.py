"""Endgame tables of chess: how positions are numbered, and what moves lead out of and into them."""
