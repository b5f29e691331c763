"""Who sits at a board, and how a game between two agents is watched: the words for both."""

from __future__ import annotations

PERSON, AGENT, OPPONENT = "person", "agent", "opponent"  # who sits where
STEP, AUTO = "step", "auto"  # how two agents are watched: move by move, or without pauses
