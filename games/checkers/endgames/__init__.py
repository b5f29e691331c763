"""Endgame tables of English checkers: how positions are numbered, and what moves lead out of and into them."""
