"""An agent's analysis of a position as sentences and tables: hints, moves with their values, chances.

Knows what a search found, not who asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import games
from games.appearance import Appearance
from games.endgames.tables import Exact, in_words
from games.knowledge import Knowledge
from games.text import whole_moves
from selfplay.play import session

if TYPE_CHECKING:
    from selfplay.cli.terminal.screen import Screen
    from selfplay.play.session import GameSession
    from selfplay.search.analyzer import SearchInfo

SHOWN = 10  # lines of an analysis
VERDICTS: dict[int | None, str] = {1: "win", 0: "draw", -1: "loss"}


def hint(at: GameSession, info: SearchInfo, in_words: bool) -> str:
    """The best whole move, its value and what follows it, as a sentence. in_words: see `named`."""
    best, name = info.lines[0], games.facet(at.game, Appearance).seat_names[at.to_play]
    first = next(whole_moves.split(at.game, at.states, best.actions))
    onwards = session.variation(at.game, first.after, best.actions[len(first.actions) :])
    then = f", then {' '.join(onwards)}" if onwards else ""
    known = certain(at)
    truth = VERDICTS.get(best.proven) if known is None else _words(known, best.actions[0])
    exact = f" This is a certain {truth}." if truth is not None else ""
    value = f"value {round(best.value, 2) + 0:+.2f}"
    return f"Hint for {name}: {named(at, first.actions, in_words)} ({value}{then}).{exact}"


def certain(at: GameSession) -> Exact | None:
    """What solver or endgame tables say of the position; None where they know nothing."""
    found = games.facet(at.game, Knowledge).exact(at.states)
    return found if found is not None and found.known[0] else None


def _words(exact: Exact, action: int) -> str:
    return in_words(int(exact.values[0, action]), 0 if exact.distance is None else int(exact.distance[0, action]))


def named(at: GameSession, actions: Sequence[int], in_words: bool) -> str:
    """A whole move from the position, in the notation people use, or in words for screen readers."""
    say = games.facet(at.game, Appearance).move_in_words if in_words else at.notation.move_in_short
    return say(at.states[0], actions)


def show(screen: Screen, at: GameSession, info: SearchInfo, lines: bool) -> None:
    """The agent's view of the position: chances as a bar; with `lines`, a table of its moves, too."""
    win, even, loss = info.wdl
    screen.bar(at.game, (win, even, loss) if at.to_play == 0 else (loss, even, win))
    if lines:
        _show_lines(screen, at, info)


def _show_lines(screen: Screen, at: GameSession, info: SearchInfo) -> None:
    game, states = at.game, at.states
    exact = certain(at)
    rows = []
    for line in info.lines[:SHOWN]:
        texts = session.variation(game, states, line.actions, 6)
        value = f"{round(line.value, 2) + 0:+.2f}" if line.visits else "–"
        value = f"{VERDICTS[line.proven]}" if line.proven is not None else value
        truth = [] if exact is None else [_words(exact, line.actions[0])]
        rows.append([texts[0], f"{line.visits}", value, f"{line.prior:.1%}", *truth, " ".join(texts[1:])])
    head = ["move", "visits", "value", "prior", *(["exact"] if exact is not None else []), "and then"]
    if screen.plain:
        for number, row in enumerate(rows, start=1):
            told = [f"{name} {text}" for name, text in zip(head, row, strict=True) if text]
            screen.say(f"{number}. {', '.join(told)}.")
    else:
        screen.rows(head, rows, ("visits", "value", "prior"))
    if len(info.lines) > SHOWN:
        screen.say(f"{len(info.lines) - SHOWN} more moves are legal.")
