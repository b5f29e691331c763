"""The facets of a game, by short names for tests."""

from __future__ import annotations

import games
from games.appearance import Appearance
from games.base import Game
from games.knowledge import Knowledge
from games.notation import Notation
from games.protocols import Protocols


def notation_of(game: Game) -> Notation:
    return games.facet(game, Notation)


def protocols_of(game: Game) -> Protocols:
    return games.facet(game, Protocols)


def appearance_of(game: Game) -> Appearance:
    return games.facet(game, Appearance)


def knowledge_of(game: Game) -> Knowledge:
    return games.facet(game, Knowledge)
