"""The Hub side of an engine: turns lines of the protocol (version 2, of Scan and Hub) into calls of a session, and its
answers into lines.

For checkers, variant english. Knows no search; loads nothing heavy until an engine is needed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from selfplay import __version__
from selfplay.errors import ConfigError, shorten
from selfplay.players import time_manager
from selfplay.players.external import centipawns
from selfplay.serve import options, pipe
from selfplay.serve.search_request import SearchRequest, depth

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.serve.engine_session import EngineSession, Report, Variation
    from selfplay.serve.notations import ProtocolNotation

VARIANTS = {"checkers": "english"}  # by game, as pydraughts calls them; known before the game is loaded
_WIN = 100.0  # in men; less a hundredth for each move to the end, as Scan counts
_MOST = 89.99  # in men, of what is not proven
_PAIR = re.compile(r'([^\s="]+)(?:\s*=\s*(?:"([^"]*)"?|([^\s="]*)))?')


class HubServer(pipe.Server):
    """A Hub engine on a pair of streams."""

    default_game = "checkers"
    position_word = "pos"

    def __init__(self, load: Callable[[], EngineSession], meta: Mapping[str, Any], source: Any, sink: Any) -> None:
        super().__init__(load, meta, source, sink)
        self._game = meta["game"]
        self._variant = options.Option("variant", "variant", VARIANTS[self._game], choices=(VARIANTS[self._game],))
        known = (self._variant, *options.ENGINE, *options.with_defaults(options.of_search(), meta.get("search", {})))
        self.options = {_name(option): option for option in known}
        self._level: dict[str, str] = {}
        self._commands: dict[str, Callable[[dict[str, str]], None]] = {
            "hub": self._introduce, "set-param": self._set, "ping": lambda _: self.say("pong"),
            "init": lambda _: self.do(lambda engine: self.say("ready")),
            "new-game": lambda _: self.do(lambda engine: engine.new_game()),
            "pos": self._set_position, "level": self._set_level, "go": self._go,
            "stop": lambda _: self.stop(), "ponder-hit": lambda _: self.ponder_hit(),
        }  # fmt: skip

    @staticmethod
    def check(meta: Mapping[str, Any]) -> None:
        """See `pipe.Server`."""
        if meta["game"] not in VARIANTS:
            raise ConfigError(f"{meta['game']} has no Hub notation, checkers has; `selfplay uci` plays chess.")

    @staticmethod
    def notation(game: Game) -> ProtocolNotation:
        """See `pipe.Server`."""
        import games
        from games.protocols import Protocols
        from selfplay.serve import notations

        text = games.facet(game, Protocols).hub()
        if text is None:
            raise ConfigError(f"{game.name} has no Hub notation.")
        return notations.HubNotation(text)

    def obey(self, line: str) -> bool:
        word, *after = line.split(maxsplit=1)  # at any white space
        rest = after[0] if after else ""
        if word == "quit":
            return False
        if word in self._commands:
            self._commands[word]({name: quoted or plain for name, quoted, plain in _PAIR.findall(rest)})
        return True  # what is not known is left alone, as the protocol asks for

    def complain(self, message: str) -> None:
        text = " ".join(message.split()).replace('"', "'")
        self.say(f'error message="{text}"')

    # -- answered at once ----------------------------------------------------------------------------------

    def _introduce(self, _: dict[str, str]) -> None:
        self.say(
            f'id name=selfplay version={__version__} author="the selfplay authors"',
            *(_announcement(option) for option in self.options.values()), "wait",
        )  # fmt: skip

    def _set_level(self, pairs: dict[str, str]) -> None:
        self._level = pairs

    # -- done in order -------------------------------------------------------------------------------------

    def _set(self, pairs: dict[str, str]) -> None:
        option = self.options.get(pairs.get("name", ""))
        if option is None:
            self.complain(f"no parameter is called '{shorten(pairs.get('name', ''))}'.")
            return
        text = pairs.get("value", "")

        def apply(engine: EngineSession) -> None:
            value = options.parse(option._replace(name=_name(option)), text)
            if option is not self._variant and (remark := engine.set(option, value)):
                self.complain(remark)

        self.do(apply)

    def _set_position(self, pairs: dict[str, str]) -> None:
        text, moves = pairs.get("pos", ""), pairs.get("moves", "").split()
        self.do(lambda engine: self._place(engine, text or None, moves))

    def _place(self, engine: EngineSession, start: str | None, moves: Sequence[str]) -> None:
        for remark in engine.set_position(start, moves):
            self.complain(remark)

    def _go(self, pairs: dict[str, str]) -> None:
        asked, level = SearchRequest(ponder="ponder" in pairs, analysis="analyze" in pairs), self._level
        self.ask(asked, lambda engine, request: self._search(engine, request, level))

    def _search(self, engine: EngineSession, request: SearchRequest, level: Mapping[str, str]) -> None:
        _limit(request, level)
        answer = engine.play(request, lambda report: self.say(_info(report)))
        self.finish(request)
        if engine.refused:
            self.complain(f"there is no position to search, as the last one was refused: {engine.refused}")
        elif answer.move is None:
            self.complain("the game is over in this position.")
        reply = f" ponder={answer.reply}" if answer.reply else ""
        self.say(f"done move={answer.move or _quoted('')}{reply}")


def _limit(request: SearchRequest, level: Mapping[str, str]) -> None:
    """Writes a level into the request. Limits that cannot be read are soon met."""
    request.endless = "infinite" in level or not level
    if "depth" in level:
        request.depth = max(int(_number(level["depth"])), 1)
    if "nodes" in level:
        request.simulations = max(int(_number(level["nodes"])), 1)
    if "move-time" in level:
        request.seconds = max(_number(level["move-time"]), 0.001)
    if "time" in level:
        moves, increment = int(_number(level.get("moves", "0"))), _number(level.get("inc", "0"))
        # The increment comes before the move here, after it in `Clock`.
        request.clock = time_manager.Clock(_number(level["time"]) + increment, increment, moves if moves > 0 else None)


def _number(text: str) -> float:
    """0 for what is no number."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(max(value, -1e9), 1e9) if not math.isnan(value) else 0.0


def _info(report: Report) -> str:
    info = report.info
    seconds = max(report.seconds, 0.001)
    return (
        f"info depth={depth(info)} mean-depth={info.mean_depth:.1f} score={_score(report.variations[0]):.2f} "
        f"nodes={info.visits} time={seconds:.3f} nps={info.evaluations / seconds / 1e6:.6f} "
        f"pv={_quoted(' '.join(report.variations[0].moves))}"
    )


def _score(variation: Variation) -> float:
    """In men; 100 less a hundredth for each move to it is a win that is proven."""
    if variation.proven:
        return variation.proven * (_WIN - (variation.plies if variation.plies is not None else 500) / 100)
    value = variation.value if variation.proven is None else 0.0
    return max(-_MOST, min(_MOST, centipawns.of_value(value) / 100))


def _name(option: options.Option) -> str:
    return option.key.replace("_", "-")


def _announcement(option: options.Option) -> str:
    kind, value, more = "string", str(option.default), ""
    if isinstance(option.default, bool):
        kind, value = "bool", value.lower()
    elif option.choices:
        kind, more = "enum", f" values={_quoted(' '.join(option.choices))}"
    else:
        kind = "int" if isinstance(option.default, int) else "real"
        more = "".join(
            f" {word}={bound}" for word, bound in (("min", option.low), ("max", option.high)) if bound is not None
        )
    return f"param name={_name(option)} value={value} type={kind}{more}"


def _quoted(text: str) -> str:
    return f'"{text}"'
