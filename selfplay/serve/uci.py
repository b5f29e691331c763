"""The UCI side of an engine: turns lines of the protocol into calls of a session, and its answers into lines.

For chess, and for the games that interfaces know as variants: connect four (cfour) and tic-tac-toe (tictactoe). Knows
no search; loads nothing heavy until an engine is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from selfplay import __version__
from selfplay.errors import ConfigError, UserError, shorten
from selfplay.players import time_manager
from selfplay.players.external import centipawns
from selfplay.serve import options, pipe
from selfplay.serve.search_request import SearchRequest, depth

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.players.strength import Calibration
    from selfplay.serve.engine_session import EngineSession, Report, Variation
    from selfplay.serve.notations import ProtocolNotation

VARIANTS = {"chess": "chess", "connect-four": "cfour", "tic-tac-toe": "tictactoe"}  # by game; known before it is loaded
_VARIANT = options.Option("variant", "UCI_Variant", "chess")
_LIMIT = options.Option("limit_strength", "UCI_LimitStrength", False)
_STRENGTH = ("limit_strength", "elo")  # keys of what is offered where an agent's strength was measured
_CHESS960 = options.Option("chess960", "UCI_Chess960", False)
OURS = (  # what concerns the protocol alone
    options.Option("ponder", "Ponder", False),
    options.Option("analyse", "UCI_AnalyseMode", False),
    options.Option("show_wdl", "UCI_ShowWDL", False),
    options.Option("syzygy_path", "SyzygyPath", "", idle="no tablebases are read"),
    options.Option("own_book", "OwnBook", False, idle="there is no book"),
    options.Option("opponent", "UCI_Opponent", "", idle="every opponent is played alike"),
)
MAX_PERFT = 100  # moves; more than can ever be counted
_NUMBERS = ("wtime", "btime", "winc", "binc", "movestogo", "depth", "nodes", "mate", "movetime", "perft")
_WORDS = ("searchmoves", "ponder", "infinite", *_NUMBERS)


def _text_of(name: str, game_options: Mapping[str, Any]) -> Any:
    import games
    from games.protocols import Protocols

    return games.facet(games.make(name, **game_options), Protocols).uci()


class UciServer(pipe.Server):
    """A UCI engine on a pair of streams."""

    default_game = "chess"
    position_word = "position"

    def __init__(self, load: Callable[[], EngineSession], meta: Mapping[str, Any], source: Any, sink: Any) -> None:
        super().__init__(load, meta, source, sink)
        self._game, self._game_options = meta["game"], meta.get("game_options", {})
        variant = VARIANTS.get(self._game, self._game)
        own: tuple[options.Option, ...] = (_VARIANT._replace(default=variant, choices=(variant,)),)
        if self._game == "chess":
            own += (_CHESS960._replace(default=bool(self._game_options.get("chess960", False))),)
        trained = options.with_defaults(options.of_search(), meta.get("search", {}))
        self.options = {option.name.lower(): option for option in (*options.ENGINE, *OURS, *own, *trained)}
        self._debug = self._analyse = self._show_wdl = False
        self._commands: dict[str, Callable[[str], None]] = {
            "uci": self._introduce, "debug": self._set_debug, "isready": self._tell_ready,
            "setoption": self._set_option, "register": lambda _: None,
            "ucinewgame": lambda _: self.do(lambda engine: engine.new_game()),
            "position": self._set_position, "go": self._go, "stop": lambda _: self.stop(),
            "ponderhit": lambda _: self.ponder_hit(),
            "d": lambda _: self.do(lambda engine: self.say(*engine.drawing())),  # of the last that was understood
        }  # fmt: skip

    def offer(self, scale: Calibration) -> None:
        """See `pipe.Server`."""
        elo = options.Option("elo", "UCI_Elo", scale.highest, scale.lowest, scale.highest)
        self.options |= {option.name.lower(): option for option in (_LIMIT, elo)}

    @staticmethod
    def check(meta: Mapping[str, Any]) -> None:
        """See `pipe.Server`."""
        name = meta["game"]
        if name not in VARIANTS and _text_of(name, meta.get("game_options", {})) is None:
            raise ConfigError(f"{name} has no UCI notation; `selfplay hub` plays checkers, `selfplay play` any game.")

    @staticmethod
    def notation(game: Game) -> ProtocolNotation:
        """See `pipe.Server`."""
        import games
        from games.protocols import Protocols
        from selfplay.serve import notations

        text = games.facet(game, Protocols).uci()
        if text is None:
            raise ConfigError(f"{game.name} has no UCI notation.")
        return notations.UciNotation(text)

    def obey(self, line: str) -> bool:
        """Words before a command are skipped, as UCI asks for."""
        rest = line
        while rest:
            word, *after = rest.split(maxsplit=1)  # at any white space
            rest = after[0] if after else ""
            if word == "quit":
                return False
            if word in self._commands:
                self._commands[word](rest)
                return True
        self.complain(f"unknown command: {shorten(line, 60)}")
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
        if self.request is not None:  # it may search until it is stopped
            self.when_loaded(lambda: self.say("readyok"))
        else:
            self.do(lambda engine: self.say("readyok"))

    # -- done in order -------------------------------------------------------------------------------------

    def _set_option(self, rest: str) -> None:
        found = re.fullmatch(r"name\s+(.+?)(?:\s+value(?:\s+(.*))?)?", rest, re.DOTALL)
        name = " ".join(found[1].split()) if found else ""
        if name.lower() == "clear hash":
            self.do(lambda engine: engine.new_game())
            return
        option = self.options.get(name.lower())
        if found is None or option is None:
            self.complain(f"no option is called '{shorten(name or rest, 60)}'.")
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
            from selfplay.serve import notations

            text_of_960 = _text_of(self._game, {**self._game_options, "chess960": bool(value)})
            engine.notation = notations.UciNotation(text_of_960)
        elif option in OURS and option.idle:
            self.complain(f"{option.name} has no effect here: {option.idle}.")
        elif (option in options.ENGINE or option.search or option.key in _STRENGTH) and (
            remark := engine.set(option, value)
        ):
            self.complain(remark)

    def _set_position(self, rest: str) -> None:
        words = rest.split()
        end = words.index("moves") if "moves" in words else len(words)
        moves = words[end + 1 :]
        kinds = [(words.index(kind), kind) for kind in ("startpos", "fen") if kind in words[:end]]
        if not kinds:
            self.do(_without_position)
            return
        place, kind = min(kinds)
        start = None if kind == "startpos" else " ".join(words[place + 1 : end])
        self.do(lambda engine: self._place(engine, start, moves))

    def _place(self, engine: EngineSession, start: str | None, moves: Sequence[str]) -> None:
        for remark in engine.set_position(start, moves):
            self.complain(remark)

    def _go(self, rest: str) -> None:
        asked, only = _read_go(rest.split())
        if "perft" in asked:
            moves = int(asked["perft"])
            self.ask(SearchRequest(), lambda engine, request: self._perft(engine, request, moves))
        else:
            self.ask(SearchRequest(only=only), lambda engine, request: self._search(engine, request, asked))

    def _perft(self, engine: EngineSession, request: SearchRequest, moves: int) -> None:
        if engine.refused:
            self.complain(f"there is no position to count from, as the last one was refused: {engine.refused}")
            return
        total = 0
        for move, count in engine.perft(min(max(moves, 1), MAX_PERFT), request):
            self.say(f"{move}: {count}")
            total += count
        if not request.stopped.is_set():
            self.say("", f"Nodes searched: {total}", "")

    def _search(self, engine: EngineSession, request: SearchRequest, asked: Mapping[str, float]) -> None:
        _limit(request, asked, engine.to_play)
        request.analysis = self._analyse
        if engine.refused:
            self.complain(f"there is no position to search, as the last one was refused: {engine.refused}")
        elif engine.over:
            self.say(f"info depth 0 score {'mate 0' if engine.lost() else 'cp 0'}")

        def tell(report: Report) -> None:
            self.say(*self._info(report))

        try:
            answer = engine.play(request, tell)
        except ValueError as error:  # a move in searchmoves that is not legal
            self.complain(str(error))
            request.only.clear()
            answer = engine.play(request, tell)
        for variation in answer.moves:
            self.complain(_statistics(variation))
        self.finish(request)
        nothing = "0000" if engine.refused else "(none)"
        self.say(f"bestmove {answer.move or nothing}" + (f" ponder {answer.reply}" if answer.reply else ""))

    # -- told ----------------------------------------------------------------------------------------------

    def _info(self, report: Report) -> Iterable[str]:
        info = report.info
        milliseconds = max(round(1000 * report.seconds), 1)
        counts = (
            f"nodes {info.visits} nps {round(info.evaluations / max(info.seconds, 1e-3))} "
            f"hashfull {int(1000 * report.used)} time {milliseconds}"
        )
        for number, variation in enumerate(report.variations, start=1):
            shares = ""
            if self._show_wdl and number == 1:
                win, draw = (round(1000 * share) for share in info.wdl[:2])
                draw = min(draw, 1000 - win)
                shares = f" wdl {win} {draw} {1000 - win - draw}"
            yield (
                f"info depth {depth(info)} seldepth {max(info.depth, 1)} multipv {number} "
                f"score {_score(variation)}{shares} {counts} pv {' '.join(variation.moves)}"
            )
        if self._debug:
            yield f"info string {info.evaluations} evaluations, mean depth {info.mean_depth:.2f}"


def _without_position(engine: EngineSession) -> None:
    why = "position needs startpos or fen."
    engine.refuse(why)
    raise UserError(why)


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


def _limit(request: SearchRequest, asked: Mapping[str, float], to_play: int) -> None:
    """Writes what `go` says into the request. `mate` has no depth here: the search goes on
    until the result is proven."""
    request.ponder, request.endless = "ponder" in asked, "infinite" in asked
    if "nodes" in asked:
        request.simulations = max(int(asked["nodes"]), 1)
    if "depth" in asked:
        request.depth = max(int(asked["depth"]), 1)
    if "movetime" in asked:
        request.seconds = max(asked["movetime"], 1) / 1000
    time, increment = ("wtime", "winc") if to_play == 0 else ("btime", "binc")
    if time in asked:
        moves = int(asked.get("movestogo", 0))
        request.clock = time_manager.Clock(
            asked[time] / 1000, asked.get(increment, 0) / 1000, moves if moves > 0 else None
        )
    known = (request.simulations, request.depth, request.seconds, request.clock)
    if all(limit is None for limit in known) and not request.ponder and "mate" not in asked:
        request.endless = True


def _announcement(option: options.Option) -> str:
    kind, default = "string", str(option.default) or "<empty>"
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
