"""The commands of interactive play, such as hint, undo and save: one function each, the same in every game."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfplay.cli.terminal import advice, records, screen, strength
from selfplay.cli.terminal.command_table import Command, CommandTable
from selfplay.cli.terminal.seats import AUTO, PERSON, STEP
from selfplay.errors import UserError
from selfplay.play import session

if TYPE_CHECKING:
    import numpy as np

    from selfplay.cli.terminal.dialogue import Dialogue

AGREEABLE = 0.05  # what an agent expects at most that takes a draw
EARLY = 10  # moves before which no draw is taken


def help_(dialogue: Dialogue, rest: str) -> None:
    say = dialogue.screen.say
    legal = dialogue.session.names() if not dialogue.session.over else []
    if legal:
        say(f"Type a move: {', '.join(legal[:6])}{', …' if len(legal) > 6 else ''}. Or a command, or its beginning:")
    for name, command in TABLE.commands.items():
        if name.startswith(rest):
            say(f"  {f'{name} {command.argument}'.strip():<18}  {command.help}")


def board(dialogue: Dialogue, rest: str) -> None:
    dialogue.screen.board(dialogue.session, dialogue.flipped)


def flip(dialogue: Dialogue, rest: str) -> None:
    dialogue.turned = not dialogue.turned
    if dialogue.screen.drawn and dialogue.appearance.pieces:
        board(dialogue, rest)
    else:
        dialogue.screen.say("Only drawn boards can be turned, and this one is text.")


# -- advice ----------------------------------------------------------------------------------------------------


def hint(dialogue: Dialogue, rest: str) -> None:
    at, agent, words = dialogue.session, dialogue.opponents()[0], dialogue.screen.plain
    if not agent.searches and not at.over:
        reply = dialogue.ask(agent, lambda: agent.reply(at, dialogue.strength, None, dialogue.rng), "thinking")
        name = dialogue.appearance.seat_names[at.to_play]
        dialogue.screen.say(f"Hint for {name}: {advice.named(at, reply.actions, words)}.")
    elif (info := dialogue.analyze()) is not None:
        dialogue.screen.say(advice.hint(at, info, words))


def analysis(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.analysis = _switch(rest, "analysis")
        dialogue.screen.say(f"Analysis is {'on' if dialogue.analysis else 'off'}.")
    if dialogue.analysis or not rest:
        dialogue.advise(lines=True)


def bar(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.bar = _switch(rest, "eval")
        dialogue.screen.say(f"The bar is {'on' if dialogue.bar else 'off'}.")
    if dialogue.bar or not rest:
        dialogue.advise(lines=False)


def _switch(rest: str, name: str) -> bool:
    if rest not in ("on", "off"):
        raise UserError(f"'{name} {rest[:40]}' is not a command: expected '{name} on' or '{name} off'.")
    return rest == "on"


def level(dialogue: Dialogue, rest: str) -> None:
    if rest:
        strength.set_level(dialogue.strength, strength.number(rest, "level", 1, 10))
    _tell_strength(dialogue)


def simulations(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.strength.simulations = strength.number(rest, "simulations", 0, strength.MOST)
        dialogue.strength.level = None
        dialogue.simulations = max(dialogue.strength.simulations, 1)
    _tell_strength(dialogue)


def temperature(dialogue: Dialogue, rest: str) -> None:
    if rest:
        dialogue.strength.temperature, dialogue.strength.level = strength.degrees(rest), None
    _tell_strength(dialogue)


def _tell_strength(dialogue: Dialogue) -> None:
    now = dialogue.strength
    named = f"Level {now.level}: " if now.level else ""
    dialogue.screen.say(f"{named}{now.simulations} simulations a move, temperature {now.temperature:g}.")
    if not dialogue.opponents()[1].searches:
        dialogue.screen.say("That is for trained agents: the opponent has a strength of its own.")


# -- positions and records -------------------------------------------------------------------------------------


def moves(dialogue: Dialogue, rest: str) -> None:
    at = dialogue.session
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
        _set_up(dialogue, dialogue.session.notation.from_fen(rest), "")
    elif (text := dialogue.session.notation.to_fen(dialogue.session.states[0])) is not None:
        dialogue.screen.copy(text)
    else:
        dialogue.screen.say("There is no FEN for this position; these moves lead to it:")
        moves(dialogue, "")


def _set_up(dialogue: Dialogue, start: np.ndarray, text: str) -> None:
    """Another position; the present one is kept if the text is wrong."""
    trial = session.GameSession(dialogue.game)
    trial.set_up(start)
    trial.play_record(text)
    dialogue.put_away()
    dialogue.session.copy(trial)
    dialogue.show()


def save(dialogue: Dialogue, rest: str) -> None:
    replace = rest.startswith("!") or rest.endswith(" !")
    name = rest.removeprefix("!").removesuffix(" !").strip()
    if not name:
        raise UserError(f"save where? For example: save game.{dialogue.session.notation.record_suffix}")
    path = records.place(dialogue.game, name)
    records.save(path, dialogue.record_text(path), replace)
    dialogue.screen.say(f"Saved in {path}.")


def load(dialogue: Dialogue, rest: str) -> None:
    name, _, number = rest.rpartition(" ")
    if not (name and number.isdigit()):
        name, number = rest, "1"
    if not name:
        raise UserError(f"load which file? For example: load game.{dialogue.session.notation.record_suffix}")
    record, there, remarks = records.load(dialogue.game, name, strength.number(number, "the game", 1, 10**6))
    trial = session.GameSession(dialogue.game)
    trial.load(record)
    dialogue.put_away()
    dialogue.session.copy(trial)
    players = [record.tags.get(seat, "?") for seat in ("First", "Second")]
    which = f" Game {number} of {there}: 'load {name} {int(number) % there + 1}' for another." if there > 1 else ""
    dialogue.show(f"{players[0]} against {players[1]}, {len(trial.moves)} moves.{which}")
    for remark in remarks:
        dialogue.screen.say(f"In the file, {remark}.")


def record(dialogue: Dialogue, rest: str) -> None:
    dialogue.screen.copy(dialogue.record_text(records.place(dialogue.game, "game")).strip())


# -- moves -----------------------------------------------------------------------------------------------------


def go(dialogue: Dialogue, rest: str) -> None:
    if dialogue.session.over:
        raise UserError("the game is over: 'new' starts another.")
    dialogue.move_by_engine()


def undo(dialogue: Dialogue, rest: str) -> None:
    at, seats, alone = dialogue.session, dialogue.seats, dialogue.alone
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
    at, texts = dialogue.session, []
    if not at.ahead or at.over:
        raise UserError("there is no move to play again: none was taken back.")
    while (move := at.redo()) is not None:
        texts.append(move.text)
        if at.over or not dialogue.alone or dialogue.seats[at.to_play] == PERSON:
            break
    dialogue.show(f"Played again: {', '.join(texts)}.")


def resign(dialogue: Dialogue, rest: str) -> None:
    at = dialogue.session
    if at.over:
        raise UserError("the game is over already.")
    loser = dialogue.seats.index(PERSON) if dialogue.alone else at.to_play
    at.end(float(loser), f"{dialogue.appearance.seat_names[loser]} resigned")


def draw(dialogue: Dialogue, rest: str) -> None:
    at = dialogue.session
    if at.over:
        raise UserError("the game is over already.")
    if dialogue.alone:
        info = dialogue.analyze()
        if info is None:
            return
        if len(at.moves) < EARLY or -info.value > AGREEABLE:
            dialogue.screen.say("The draw is declined.")
            return
    at.end(0.5, "draw agreed")


# -- the session -----------------------------------------------------------------------------------------------


def clock(dialogue: Dialogue, rest: str) -> None:
    if rest == "off":
        dialogue.session.clock = None
    elif rest:
        dialogue.session.clock = session.clock(rest)
    now = dialogue.session.clock
    if now is None:
        dialogue.screen.say("There is no clock. 'clock 5+3': five minutes each, and three seconds a move.")
    else:
        told = [f"{name} {screen.minutes(now.left(seat))}" for seat, name in enumerate(dialogue.appearance.seat_names)]
        dialogue.screen.say(f"{', '.join(told)}.")


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
    dialogue.session.set_up(dialogue.game.initial_states(1))
    dialogue.introduce()
    dialogue.show()


def quit_(dialogue: Dialogue, rest: str) -> None:
    dialogue.left = True


COMMANDS = {
    "help": Command(help_, "[COMMAND]", "this list"),
    "board": Command(board, "", "the position again"),
    "hint": Command(hint, "", "what the agent would play"),
    "go": Command(go, "", "let the agent move, for either side"),
    "undo": Command(undo, "", "take your last move back, and the answer to it"),
    "redo": Command(redo, "", "play it again"),
    "analysis": Command(analysis, "[on|off]", "moves with visits, values and what follows; on: every time"),
    "eval": Command(bar, "[on|off]", "a bar of win, draw and loss; on: every time"),
    "swap": Command(swap, "", "change sides"),
    "level": Command(level, "[1-10]", "how strong the opponent is"),
    "simulations": Command(simulations, "[N]", "its strength as simulations a move"),
    "temperature": Command(temperature, "[T]", "randomness of its moves; 0: always the best"),
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
TABLE = CommandTable(COMMANDS, SHORT)
