"""A trained agent as an engine for programs that speak the Universal Chess Interface (UCI).

For chess, and for the games that interfaces know as variants: connect four (cfour) and tic-tac-toe (tictactoe).
Without CHECKPOINT the agent for chess that comes with the package plays.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from selfplay import __version__
from selfplay.errors import ConfigError
from selfplay.players import time_manager
from selfplay.players.external import centipawns
from selfplay.serve import options, pipe
from selfplay.serve.search_request import SearchRequest, depth

if TYPE_CHECKING:
    from selfplay.serve.engine_session import EngineSession, Report, Variation

EPILOG = """examples:
  selfplay uci
  selfplay uci runs/chess
  selfplay uci runs/connect-four/checkpoints/000012
  echo uci | selfplay uci runs/chess

In an interface, give the command as that of an engine: the path of `selfplay` with the arguments uci and a run's
folder. `go perft N` counts moves, `d` shows the board. Options stand in docs/engines.md.
"""

VARIANTS = {"chess": "chess", "connect-four": "cfour", "tic-tac-toe": "tictactoe"}  # by game; known before it is loaded
_VARIANT = options.Option("variant", "UCI_Variant", "chess")
_CHESS960 = options.Option("chess960", "UCI_Chess960", False)
OURS = (  # what concerns the protocol alone
    options.Option("ponder", "Ponder", False),
    options.Option("analyse", "UCI_AnalyseMode", False),
    options.Option("show_wdl", "UCI_ShowWDL", False),
)
MAX_PERFT = 100  # moves; more than anybody lives to see counted
_NUMBERS = ("wtime", "btime", "winc", "binc", "movestogo", "depth", "nodes", "mate", "movetime", "perft")
_WORDS = ("searchmoves", "ponder", "infinite", *_NUMBERS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", metavar="CHECKPOINT",
        help="a run's folder, or one generation's; left out: the agent for chess of this package",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> NoReturn:
    from selfplay.players import pretrained

    folder = arguments.checkpoint or pretrained.path("chess")
    meta = pretrained.peek(folder)
    name = meta["game"]
    if name not in VARIANTS and _text_of(name, meta.get("game_options", {})) is None:
        raise ConfigError(f"{name} is not written in UCI; `selfplay hub` plays checkers, `selfplay play` any game.")
    pipe.serve(UciServer(lambda: _load(folder), meta, *pipe.standard_streams()))


def _text_of(name: str, game_options: Mapping[str, Any]) -> Any:
    import games
    from games.protocols import Protocols

    return games.facet(games.make(name, **game_options), Protocols).uci()


def _load(folder: Path) -> EngineSession:
    import numpy as np

    import games
    from games.protocols import Protocols
    from selfplay.players import player as players
    from selfplay.serve import engine_session

    player = players.load(folder)
    text = games.facet(player.game, Protocols).uci()
    if text is None:
        raise ConfigError(f"{player.game.name} is not written in UCI.")
    engine = engine_session.EngineSession(player, engine_session.UciNotation(text), np.random.default_rng())
    engine.warm_up()
    return engine


class UciServer(pipe.Conversation):
    """One conversation in UCI."""

    def __init__(self, load: Callable[[], EngineSession], meta: Mapping[str, Any], source: Any, sink: Any) -> None:
        """meta: what the checkpoint says of itself."""
        super().__init__(load, source, sink)
        self._game, self._game_options = meta["game"], meta.get("game_options", {})
        variant = VARIANTS.get(self._game, self._game)
        own: tuple[options.Option, ...] = (_VARIANT._replace(default=variant, choices=(variant,)),)
        if self._game == "chess":
            own += (_CHESS960._replace(default=bool(self._game_options.get("chess960", False))),)
        trained = options.with_defaults(options.SEARCH, meta.get("search", {}))
        self.options = {option.name.lower(): option for option in (*options.ENGINE, *OURS, *own, *trained)}
        self._debug = self._analyse = self._show_wdl = False
        self._commands: dict[str, Callable[[str], None]] = {
            "uci": self._introduce, "debug": self._set_debug, "isready": self._tell_ready,
            "setoption": self._set_option, "register": lambda _: None,
            "ucinewgame": lambda _: self.do(lambda engine: engine.new_game()),
            "position": self._set_position, "go": self._go, "stop": self._stop, "ponderhit": self._ponder_hit,
            "d": lambda _: self.do(lambda engine: self.say(*engine.drawing())),
        }  # fmt: skip

    def obey(self, line: str) -> bool:
        """Words before a command are skipped, as UCI asks for."""
        rest = line
        while rest:
            word, _, rest = rest.partition(" ")
            if word == "quit":
                return False
            if word in self._commands:
                self._commands[word](rest.strip())
                return True
            rest = rest.strip()
        self.complain(f"unknown command: {_shown(line)}")
        return True

    def complain(self, message: str) -> None:
        self.say(f"info string {' '.join(message.split())}")

    # -- answered at once ----------------------------------------------------------------------------------

    def _introduce(self, _: str) -> None:
        self.say(
            f"id name selfplay {__version__} ({self._game})", "id author the selfplay authors",
            *(_announcement(option) for option in self.options.values()),
            "option name Clear Hash type button", "uciok",
        )  # fmt: skip

    def _set_debug(self, rest: str) -> None:
        self._debug = rest != "off"

    def _tell_ready(self, _: str) -> None:
        if self.task is not None:  # it may think for as long as nobody stops it
            self.when_loaded(lambda: self.say("readyok"))
        else:
            self.do(lambda engine: self.say("readyok"))

    def _stop(self, _: str) -> None:
        if self.task is not None:
            self.task.stop()

    def _ponder_hit(self, _: str) -> None:
        if self.task is not None:
            self.task.hit()

    # -- done in order -------------------------------------------------------------------------------------

    def _set_option(self, rest: str) -> None:
        found = re.fullmatch(r"name\s+(.+?)(?:\s+value(?:\s+(.*))?)?", rest, re.DOTALL)
        name = " ".join(found[1].split()) if found else ""
        if name.lower() == "clear hash":
            self.do(lambda engine: engine.new_game())
            return
        option = self.options.get(name.lower())
        if found is None or option is None:
            self.complain(f"no option is called '{_shown(name or rest)}'.")
            return
        text = found[2] or ""
        self.do(lambda engine: self._apply(engine, option, text))

    def _apply(self, engine: EngineSession, option: options.Option, text: str) -> None:
        value = options.parse(option, text)
        if option.key == "analyse":
            self._analyse = bool(value)
        elif option.key == "show_wdl":
            self._show_wdl = bool(value)
        elif option.key == "chess960":
            from selfplay.serve import engine_session

            text_of_960 = _text_of(self._game, {**self._game_options, "chess960": bool(value)})
            engine.notation = engine_session.UciNotation(text_of_960)
        elif (option in options.ENGINE or option.search) and (remark := engine.set(option, value)):
            self.complain(remark)

    def _set_position(self, rest: str) -> None:
        words = rest.split()
        end = words.index("moves") if "moves" in words else len(words)
        moves = words[end + 1 :]
        kinds = [(words.index(kind), kind) for kind in ("startpos", "fen") if kind in words[:end]]
        if not kinds:
            self.complain("position needs startpos or fen.")
            return
        place, kind = min(kinds)
        start = None if kind == "startpos" else " ".join(words[place + 1 : end])
        self.do(lambda engine: engine.set_position(start, moves))

    def _go(self, rest: str) -> None:
        if self.task is not None:
            self.task.stop()
        asked, only = _read_go(rest.split())
        self.task = task = SearchRequest(only=only)
        self.do(lambda engine: self._work_on(engine, task, asked))

    def _work_on(self, engine: EngineSession, task: SearchRequest, asked: Mapping[str, float]) -> None:
        try:
            if "perft" in asked:
                self._perft(engine, task, int(asked["perft"]))
            else:
                self._search(engine, task, asked)
        finally:
            if self.task is task:
                self.task = None

    def _perft(self, engine: EngineSession, task: SearchRequest, moves: int) -> None:
        total = 0
        for move, count in engine.perft(min(max(moves, 1), MAX_PERFT), task):
            self.say(f"{move}: {count}")
            total += count
        if not task.stopped.is_set():
            self.say("", f"Nodes searched: {total}", "")

    def _search(self, engine: EngineSession, task: SearchRequest, asked: Mapping[str, float]) -> None:
        _limit(task, asked, engine.to_play)
        task.analysis = self._analyse
        if engine.over:
            self.say(f"info depth 0 score {'mate 0' if engine.lost() else 'cp 0'}")

        def tell(report: Report) -> None:
            self.say(*self._info(report))

        try:
            answer = engine.think(task, tell)
        except ValueError as error:  # a move in searchmoves that is not legal
            self.complain(str(error))
            task.only.clear()
            answer = engine.think(task, tell)
        for variation in answer.moves:
            self.complain(_statistics(variation))
        # The task is over before it is said to be: what the other side asks for then finds no search.
        if self.task is task:
            self.task = None
        self.say(f"bestmove {answer.move or '(none)'}" + (f" ponder {answer.reply}" if answer.reply else ""))

    # -- told ----------------------------------------------------------------------------------------------

    def _info(self, report: Report) -> Iterable[str]:
        thought = report.thought
        milliseconds = max(round(1000 * report.seconds), 1)
        counts = (
            f"nodes {thought.visits} nps {round(thought.evaluations / max(thought.seconds, 1e-3))} "
            f"hashfull {int(1000 * report.used)} time {milliseconds}"
        )
        for number, variation in enumerate(report.variations, start=1):
            shares = ""
            if self._show_wdl and number == 1:
                win, draw = (round(1000 * share) for share in thought.wdl[:2])
                draw = min(draw, 1000 - win)
                shares = f" wdl {win} {draw} {1000 - win - draw}"
            yield (
                f"info depth {depth(thought)} seldepth {max(thought.depth, 1)} multipv {number} "
                f"score {_score(variation)}{shares} {counts} pv {' '.join(variation.moves)}"
            )
        if self._debug:
            yield f"info string {thought.evaluations} evaluations, mean depth {thought.mean_depth:.2f}"


def _read_go(words: list[str]) -> tuple[dict[str, float], list[str]]:
    """What `go` says: numbers and flags (1.0) by word, and searchmoves. A limit without a readable number is 0, which
    is soon met; anything else that is not known is left out."""
    asked: dict[str, float] = {}
    moves: list[str] = []
    word = ""
    for text in words:
        if text in _WORDS:
            word = text
            asked[word] = 0.0 if word in _NUMBERS else 1.0
        elif word in _NUMBERS:
            number = re.fullmatch(r"[+-]?\d{1,15}", text, re.ASCII)
            asked[word] = float(text) if number else 0.0
            word = ""
        elif word == "searchmoves":
            moves.append(text)
    return asked, moves


def _limit(task: SearchRequest, asked: Mapping[str, float], to_play: int) -> None:
    """Writes what `go` says into the task. `mate` has no depth here: the search goes on until the result is proven."""
    task.ponder, task.endless = "ponder" in asked, "infinite" in asked
    if "nodes" in asked:
        task.simulations = max(int(asked["nodes"]), 1)
    if "depth" in asked:
        task.depth = max(int(asked["depth"]), 1)
    if "movetime" in asked:
        task.seconds = max(asked["movetime"], 1) / 1000
    time, increment = ("wtime", "winc") if to_play == 0 else ("btime", "binc")
    if time in asked:
        moves = int(asked.get("movestogo", 0))
        task.clock = time_manager.Clock(
            asked[time] / 1000, asked.get(increment, 0) / 1000, moves if moves > 0 else None
        )
    known = (task.simulations, task.depth, task.seconds, task.clock)
    if all(limit is None for limit in known) and not task.ponder and "mate" not in asked:
        task.endless = True


def _announcement(option: options.Option) -> str:
    kind, default = "string", str(option.default)
    if isinstance(option.default, bool):
        kind, default = "check", default.lower()
    elif option.choices:
        kind, default = "combo", " ".join([default, *(f"var {choice}" for choice in option.choices)])
    elif isinstance(option.default, int):
        kind, default = "spin", f"{default} min {option.low:.0f} max {option.high:.0f}"
    return f"option name {option.name} type {kind} default {default}"


def _score(variation: Variation) -> str:
    """Mate in moves of the mover where the variation shows it, else hundredths of pawns as Lc0 counts them: at most
    12,780, which a proven win has."""
    if variation.proven and variation.plies is not None:
        moves = (variation.plies + 1) // 2
        return f"mate {moves if variation.proven > 0 else -moves}"
    value = variation.value if variation.proven is None else float(variation.proven)
    return f"cp {round(centipawns.of_value(value))}"


def _statistics(variation: Variation) -> str:
    """One line of what is known of a move: visits, share of the policy, value, prior."""
    line = variation.line
    proven = "" if variation.proven is None else f" proven {variation.proven:+d}"
    return (
        f"{variation.moves[0] if variation.moves else '?'} N: {line.visits} (P: {line.prior:.2%}) "
        f"(policy: {line.policy:.2%}) (Q: {line.value:+.5f}){proven}"
    )


def _shown(text: str) -> str:
    """Fit for one line of plain text."""
    safe = text if text.isprintable() and text.isascii() else ascii(text)[1:-1]
    return safe if len(safe) <= 60 else f"{safe[:59]}…"
