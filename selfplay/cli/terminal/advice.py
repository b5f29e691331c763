"""What the agent has to say at a board, and how strongly it plays: hints, analyses, chances, levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import games
from games.appearance import Appearance
from games.knowledge import Knowledge
from games.text import whole_moves
from selfplay.errors import UserError
from selfplay.play import session
from selfplay.players import levels

if TYPE_CHECKING:
    from selfplay.cli.terminal.dialogue import Dialogue
    from selfplay.search.analyzer import SearchInfo

MAX_SIMULATIONS = 100_000
DEEPEST = 6400  # simulations of the highest level
SHOWN = 10  # lines of an analysis
VERDICTS = {1: "win", 0: "draw", -1: "loss"}


def hint(dialogue: Dialogue, rest: str) -> None:
    at, game, agent = dialogue.table, dialogue.game, dialogue.partners()[0]
    name, words = dialogue.appearance.seat_names[at.to_play], dialogue.screen.plain
    if not agent.thinks and not at.over:
        reply = dialogue.ask(agent, lambda: agent.reply(at, dialogue.strength, None, dialogue.rng), "thinking")
        dialogue.screen.say(f"Hint for {name}: {_told(at, reply.actions, words)}.")
        return
    thought = dialogue.think()
    if thought is None:
        return
    best = thought.lines[0]
    first = next(whole_moves.split(game, at.states, best.actions))
    onwards = session.variation(game, first.after, best.actions[len(first.actions) :])
    then = f", then {' '.join(onwards)}" if onwards else ""
    exact = f" This is a certain {VERDICTS[best.proven]}." if best.proven is not None else ""
    value = f"value {round(best.value, 2) + 0:+.2f}"
    dialogue.screen.say(f"Hint for {name}: {_told(at, first.actions, words)} ({value}{then}).{exact}")


def _told(at: session.GameSession, actions: Sequence[int], in_words: bool) -> str:
    say = games.facet(at.game, Appearance).move_in_words if in_words else at.notation.move_in_short
    return say(at.states[0], actions)


def analysis(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.analysis = _switch(rest, "analysis")
        dialogue.screen.say(f"Analysis is {'on' if dialogue.analysis else 'off'}.")
    if dialogue.analysis or not rest:
        show(dialogue, lines=True)


def bar(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.bar = _switch(rest, "eval")
        dialogue.screen.say(f"The bar is {'on' if dialogue.bar else 'off'}.")
    if dialogue.bar or not rest:
        show(dialogue, lines=False)


def _switch(rest: str, name: str) -> bool:
    if rest not in ("on", "off"):
        raise UserError(f"'{rest[:40]}' does not do: '{name} on' or '{name} off'.")
    return rest == "on"


def show(dialogue: Dialogue, lines: bool) -> None:
    """The agent's view of the position as a bar, and its lines."""
    thought = dialogue.think()
    if thought is None:
        return
    win, even, loss = thought.wdl
    dialogue.screen.bar(dialogue.game, (win, even, loss) if dialogue.table.to_play == 0 else (loss, even, win))
    if lines:
        _show_lines(dialogue, thought)


def _show_lines(dialogue: Dialogue, thought: SearchInfo) -> None:
    game, states = dialogue.game, dialogue.table.states
    exact = games.facet(game, Knowledge).exact_action_values(states)
    rows = []
    for line in thought.lines[:SHOWN]:
        texts = session.variation(game, states, line.actions, 6)
        value = f"{round(line.value, 2) + 0:+.2f}" if line.visits else "–"
        value = f"{VERDICTS[line.proven]}" if line.proven is not None else value
        truth = [] if exact is None else [VERDICTS[int(exact[0, line.actions[0]])]]
        rows.append([texts[0], f"{line.visits}", value, f"{line.prior:.1%}", *truth, " ".join(texts[1:])])
    head = ["move", "visits", "value", "prior", *(["exact"] if exact is not None else []), "and then"]
    if dialogue.screen.plain:
        for number, row in enumerate(rows, start=1):
            told = [f"{name} {text}" for name, text in zip(head, row, strict=True) if text]
            dialogue.screen.say(f"{number}. {', '.join(told)}.")
    else:
        dialogue.screen.rows(head, rows, ("visits", "value", "prior"))
    if len(thought.lines) > SHOWN:
        dialogue.screen.say(f"{len(thought.lines) - SHOWN} more moves are legal.")


# -- strength ------------------------------------------------------------------------------------------------


def level(dialogue: Dialogue, rest: str) -> None:
    if rest:
        set_level(dialogue.strength, number(rest, "level", 1, 10))
    _tell_strength(dialogue)


def set_level(strength: session.Strength, wanted: int) -> None:
    """Sets all of `strength` by a level from 1 to 10."""
    found = levels.named(wanted)
    strength.level, strength.temperature = wanted, found.temperature
    strength.simulations = DEEPEST if found.num_simulations is None else found.num_simulations


def simulations(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.strength.simulations = number(rest, "simulations", 0, MAX_SIMULATIONS)
        dialogue.strength.level = None
        dialogue.simulations = max(dialogue.strength.simulations, 1)
    _tell_strength(dialogue)


def temperature(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.strength.temperature, dialogue.strength.level = degrees(rest), None
    _tell_strength(dialogue)


def _tell_strength(dialogue: Dialogue) -> None:
    now = dialogue.strength
    named = f"Level {now.level}: " if now.level else ""
    dialogue.screen.say(f"{named}{now.simulations} simulations a move, temperature {now.temperature:g}.")
    if not dialogue.partners()[1].thinks:
        dialogue.screen.say("That is for trained agents: the opponent plays as it is.")


def number(text: str, name: str, low: int, high: int) -> int:
    """Raises UserError for anything but a whole number in range."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else low - 1
    if not low <= value <= high:
        raise UserError(f"'{text[:40]}' does not do for {name}: expected a whole number from {low} to {high:,}.")
    return value


def degrees(text: str) -> float:
    """Raises UserError for anything but a temperature."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise UserError(f"'{text[:40]}' is no temperature: expected a number from 0 (always the best move) to 100.")
    return value
