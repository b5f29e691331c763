"""Artifacts on disk: whole or absent, and verified by digest. Knows no family of agents."""
