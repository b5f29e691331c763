"""What can be said at a board besides moves: one function a command, the same in every game."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from selfplay.cli.terminal import advice, records
from selfplay.errors import UserError
from selfplay.play import session

if TYPE_CHECKING:
    import numpy as np

    from selfplay.cli.terminal.dialogue import Dialogue

PERSON, AGENT, OPPONENT = "person", "agent", "opponent"  # who sits where
STEP, AUTO = "step", "auto"  # how two agents are watched
AGREEABLE = 0.05  # what an agent expects at most that takes a draw
EARLY = 10  # moves before which no draw is taken


class Command(NamedTuple):
    """A word that can be typed, whole or shortened."""

    run: Callable[[Dialogue, str], None]
    argument: str  # as help shows it
    help: str


def obey(dialogue: Dialogue, line: str) -> bool:
    """Whether `line` was a command, which has then been carried out. Raises UserError, IllegalMove."""
    word, _, rest = line.partition(" ")
    rest = rest.strip()
    if word.endswith("!"):
        word, rest = word[:-1], f"! {rest}"
    word = "help" if word == "?" else word.lower()
    found = [word] if word in COMMANDS else [name for name in COMMANDS if word and name.startswith(word)]
    if word in SHORT:
        found = [SHORT[word]]
    if len(found) > 1:
        raise UserError(f"'{word}' may mean {' or '.join(found)}.")
    if found:
        command = COMMANDS[found[0]]
        if rest and not command.argument:
            raise UserError(f"'{found[0]}' stands alone: '{rest[:40]}' is not needed.")
        command.run(dialogue, rest)
        return True
    near = difflib.get_close_matches(word, COMMANDS, 1, 0.75)
    if near:
        raise UserError(f"there is no command '{word[:40]}'. Did you mean '{near[0]}'?")
    return False


def help_(dialogue: Dialogue, rest: str) -> None:
    say = dialogue.screen.say
    legal = dialogue.table.names() if not dialogue.table.over else []
    if legal:
        say(f"Type a move: {', '.join(legal[:6])}{', …' if len(legal) > 6 else ''}. Or a command, or its beginning:")
    for name, command in COMMANDS.items():
        if name.startswith(rest):
            say(f"  {f'{name} {command.argument}'.strip():<18}  {command.help}")


def board(dialogue: Dialogue, rest: str) -> None:
    dialogue.screen.board(dialogue.table, dialogue.flipped)


def flip(dialogue: Dialogue, rest: str) -> None:
    dialogue.turned = not dialogue.turned
    if dialogue.screen.drawn and dialogue.appearance.pieces:
        board(dialogue, rest)
    else:
        dialogue.screen.say("Only drawn boards can be turned, and this one is text.")


# -- positions and records -------------------------------------------------------------------------------------


def moves(dialogue: Dialogue, rest: str) -> None:
    at = dialogue.table
    if rest:
        _set_up(dialogue, at.start, rest)
        return
    texts = [move.text for move in at.moves]
    if at.notation.move_separator:
        first = at.moves[0].mover if at.moves else 0
        texts = [f"{(n + first) // 2 + 1}. {text}" if (n + first) % 2 == 0 else text for n, text in enumerate(texts)]
    dialogue.screen.copy(at.notation.move_separator.join(texts) or "No move was played yet.")


def fen(dialogue: Dialogue, rest: str) -> None:
    if rest:
        _set_up(dialogue, dialogue.table.notation.from_fen(rest), "")
    elif (text := dialogue.table.notation.to_fen(dialogue.table.states[0])) is not None:
        dialogue.screen.copy(text)
    else:
        dialogue.screen.say("There is no FEN for this position; these moves lead to it:")
        moves(dialogue, "")


def _set_up(dialogue: Dialogue, start: np.ndarray, text: str) -> None:
    """Another position; the one on the table stays if the text is wrong."""
    trial = session.GameSession(dialogue.game)
    trial.set_up(start)
    trial.play_record(text)
    dialogue.put_away()
    dialogue.table.copy(trial)
    dialogue.show()


def save(dialogue: Dialogue, rest: str) -> None:
    replace = rest.startswith("!") or rest.endswith(" !")
    name = rest.removeprefix("!").removesuffix(" !").strip()
    if not name:
        raise UserError(f"save where? For example: save game.{dialogue.table.notation.record_suffix}")
    path = records.place(dialogue.game, name)
    records.save(path, dialogue.record_text(path), replace)
    dialogue.screen.say(f"Saved in {path}.")


def load(dialogue: Dialogue, rest: str) -> None:
    name, _, number = rest.rpartition(" ")
    if not (name and number.isdigit()):
        name, number = rest, "1"
    if not name:
        raise UserError(f"load which file? For example: load game.{dialogue.table.notation.record_suffix}")
    record, there = records.load(dialogue.game, name, advice.number(number, "the game", 1, 10**6))
    trial = session.GameSession(dialogue.game)
    trial.load(record)
    dialogue.put_away()
    dialogue.table.copy(trial)
    players = [record.tags.get(seat, "?") for seat in ("First", "Second")]
    which = f" Game {number} of {there}: 'load {name} {int(number) % there + 1}' for another." if there > 1 else ""
    dialogue.show(f"{players[0]} against {players[1]}, {len(trial.moves)} moves.{which}")


def record(dialogue: Dialogue, rest: str) -> None:
    dialogue.screen.copy(dialogue.record_text(records.place(dialogue.game, "game")).strip())


# -- moves -----------------------------------------------------------------------------------------------------


def go(dialogue: Dialogue, rest: str) -> None:
    if dialogue.table.over:
        raise UserError("the game is over: 'new' starts another.")
    dialogue.move_by_engine()


def undo(dialogue: Dialogue, rest: str) -> None:
    at, seats, alone = dialogue.table, dialogue.seats, dialogue.alone
    if not at.moves or (alone and not any(seats[move.mover] == PERSON for move in at.moves)):
        raise UserError(f"there is no move {'of yours ' if alone and at.moves else ''}to take back.")
    texts: list[str] = []
    while (move := at.undo()) is not None:
        texts.insert(0, move.text)
        if not alone or seats[move.mover] == PERSON:
            break
    dialogue.pause()
    dialogue.show(f"Taken back: {', '.join(texts)}.")


def redo(dialogue: Dialogue, rest: str) -> None:
    at, texts = dialogue.table, []
    if not at.ahead or at.over:
        raise UserError("there is no move to play again: none was taken back.")
    while (move := at.redo()) is not None:
        texts.append(move.text)
        if at.over or not dialogue.alone or dialogue.seats[at.to_play] == PERSON:
            break
    dialogue.show(f"Played again: {', '.join(texts)}.")


def resign(dialogue: Dialogue, rest: str) -> None:
    at = dialogue.table
    if at.over:
        raise UserError("the game is over already.")
    loser = dialogue.seats.index(PERSON) if dialogue.alone else at.to_play
    at.end(float(loser), f"{dialogue.appearance.seat_names[loser]} resigned")


def draw(dialogue: Dialogue, rest: str) -> None:
    at = dialogue.table
    if at.over:
        raise UserError("the game is over already.")
    if dialogue.alone:
        thought = dialogue.think()
        if thought is None:
            return
        if len(at.moves) < EARLY or -thought.value > AGREEABLE:
            dialogue.screen.say("The draw is declined.")
            return
    at.end(0.5, "draw agreed")


# -- the session -----------------------------------------------------------------------------------------------


def clock(dialogue: Dialogue, rest: str) -> None:
    if rest == "off":
        dialogue.table.clock = None
    elif rest:
        dialogue.table.clock = session.clock(rest)
    now = dialogue.table.clock
    if now is None:
        dialogue.screen.say("There is no clock. 'clock 5+3': five minutes each, and three seconds a move.")
    else:
        told = [f"{name} {minutes(now.left(seat))}" for seat, name in enumerate(dialogue.appearance.seat_names)]
        dialogue.screen.say(f"{', '.join(told)}.")


def minutes(seconds: float) -> str:
    """Time left as clocks show it: "4:05"; under ten seconds "7.3 s"."""
    left = max(0.0, seconds)
    return f"{left:.1f} s" if left < 10 else f"{int(left) // 60}:{int(left) % 60:02}"


def swap(dialogue: Dialogue, rest: str) -> None:
    dialogue.seats.reverse()
    dialogue.introduce()


def watch(dialogue: Dialogue, rest: str) -> None:
    if dialogue.watching and PERSON in dialogue.seats:
        dialogue.watching = ""
        dialogue.screen.say("You play again.")
    else:
        dialogue.watching = STEP
        dialogue.screen.say("Two agents play on: Enter for a move, 'auto' for all, 'watch' to play yourself again.")


def auto(dialogue: Dialogue, rest: str) -> None:
    dialogue.watching = AUTO


def new(dialogue: Dialogue, rest: str) -> None:
    dialogue.put_away()
    if PERSON in dialogue.seats:
        dialogue.watching = ""
    dialogue.table.set_up(dialogue.game.initial_states(1))
    dialogue.introduce()
    dialogue.show()


def quit_(dialogue: Dialogue, rest: str) -> None:
    dialogue.left = True


COMMANDS = {
    "help": Command(help_, "[COMMAND]", "this list"),
    "board": Command(board, "", "the position again"),
    "hint": Command(advice.hint, "", "what the agent would play"),
    "go": Command(go, "", "let the agent move, whoever's turn it is"),
    "undo": Command(undo, "", "take your last move back, and the answer to it"),
    "redo": Command(redo, "", "play it again"),
    "analysis": Command(advice.analysis, "[on|off]", "moves with visits, values and what follows; on: every time"),
    "eval": Command(advice.bar, "[on|off]", "a bar of win, draw and loss; on: every time"),
    "swap": Command(swap, "", "change sides"),
    "level": Command(advice.level, "[1-10]", "how strong the opponent is"),
    "simulations": Command(advice.simulations, "[N]", "the same, by how much it searches"),
    "temperature": Command(advice.temperature, "[T]", "how much it varies; 0: always the best move"),
    "clock": Command(clock, "[5+3|off]", "minutes each, and seconds a move"),
    "moves": Command(moves, "[MOVES]", "the moves so far; or play these from the start"),
    "fen": Command(fen, "[FEN]", "the position as text; or play from this one"),
    "save": Command(save, "FILE", "keep the game with comments; 'save! FILE' replaces a file"),
    "load": Command(load, "FILE [N]", "the game in a file, or its N-th"),
    "record": Command(record, "", "the game with comments, as it would be saved"),
    "flip": Command(flip, "", "turn the board"),
    "resign": Command(resign, "", "give the game up"),
    "draw": Command(draw, "", "offer a draw"),
    "watch": Command(watch, "", "let two agents play on from here"),
    "auto": Command(auto, "", "while watching: without pauses; Ctrl-C pauses"),
    "new": Command(new, "", "another game"),
    "quit": Command(quit_, "", "leave"),
}
SHORT = {"b": "board", "h": "hint", "s": "save", "r": "redo", "a": "analysis", "l": "level", "f": "fen", "m": "moves",
         "n": "new", "d": "draw", "exit": "quit"}  # fmt: skip
