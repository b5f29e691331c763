"""Constants of interactive play: who moves for a seat, and how a game between two agents is watched."""

from __future__ import annotations

PERSON, AGENT, OPPONENT = "person", "agent", "opponent"  # who sits where
STEP, AUTO = "step", "auto"  # how two agents are watched: move by move, or without pauses
