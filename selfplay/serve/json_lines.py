"""The JSON side of an agent: questions about positions, one JSON object a line, and an answer a line in the same order.

What programs know from KataGo's analysis engine has its names: `id`, `maxVisits`, `moveInfos`, `rootInfo`. Questions
that arrive together are searched together. No line ends it: one that cannot be answered gets an error.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from selfplay import __version__
from selfplay.players.levels import MAX_SIMULATIONS
from selfplay.serve import lines
from selfplay.storage import json_text

if TYPE_CHECKING:
    import numpy as np

    from games.notation import Notation
    from selfplay.players.analysis import Analysis
    from selfplay.players.network_player import NetworkPlayer

BATCH = 128  # questions answered together
_TOGETHER = 0.002  # seconds to wait for another line
_ACTION = "query_version"  # the one thing to ask besides a position


class Line(NamedTuple):
    """A line of input."""

    number: int  # from 1
    text: str
    whole: bool  # False: it was too long, and this is its beginning


class _Question(NamedTuple):
    """A position to be searched."""

    place: int  # of its answer
    request: dict[str, Any]
    states: np.ndarray  # [1]
    certain: bool  # whether what is certain of its moves is asked for, too


def serve(player: NetworkPlayer, source: BinaryIO, write: Callable[[str], None], simulations: int) -> None:
    """Answers until the input ends. write: takes one answer's line. simulations: where a question names none."""
    for batch in _batches(source):
        for answer in answers(player, batch, simulations):
            write(json_text.dumps(answer))


def _batches(source: BinaryIO) -> Iterator[list[Line]]:
    """Lines of the input, as many together as have arrived: one at a time for a person, many for a pipe."""
    arrived: queue.Queue[Line | None] = queue.Queue(maxsize=BATCH)

    def read() -> None:
        for number, (line, whole) in enumerate(lines.read(source), 1):
            if line.strip():
                arrived.put(Line(number, line.decode("utf-8", errors="replace"), whole))
        arrived.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        batch = [arrived.get()]
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(arrived.get(timeout=_TOGETHER))
            except queue.Empty:
                break
        yield [line for line in batch if line is not None]
        if batch[-1] is None:
            return


def answers(player: NetworkPlayer, asked: Sequence[Line], simulations: int) -> list[dict[str, Any]]:
    """One answer a line, in order; positions with equal budgets are searched together."""
    found: list[dict[str, Any]] = [{} for _ in asked]
    groups: dict[int, list[_Question]] = {}
    for place, line in enumerate(asked):
        request: dict[str, Any] = {}
        try:
            request = _parse(line)
            if "action" in request:
                found[place] = _id(request) | _act(request["action"])
                continue
            wanted = _simulations(request, simulations)
            question = _Question(place, request, _position(player, request), _certain(request))
            groups.setdefault(wanted, []).append(question)
        except ValueError as error:
            found[place] = {**_id(request), **_echo(request), "line": line.number, "error": str(error)}
    for wanted, group in groups.items():
        _search(player, wanted, group, asked, found)
    return found


def _search(
    player: NetworkPlayer, simulations: int, group: list[_Question], asked: Sequence[Line], found: list[dict[str, Any]]
) -> None:
    """Writes the answers to questions of one budget into `found`."""
    import numpy as np

    began = time.perf_counter()
    try:
        analyses = player.analyze(np.concatenate([question.states for question in group]), simulations)
    except MemoryError:
        why = f"{simulations:,} simulations need more memory than there is: ask for fewer."
        for place, request, _, _ in group:
            found[place] = {**_id(request), **_echo(request), "line": asked[place].number, "error": why}
        return
    seconds = round(time.perf_counter() - began, 6)
    for (place, request, states, certain), analysis in zip(group, analyses, strict=True):
        fen = _notation(player).to_fen(states[0])
        reached = {} if fen is None else {"fen": fen}
        told = _told(player, states, analysis) | (_verdicts(player, states) if certain else {})
        found[place] = {**_id(request), "moves": "", **_echo(request), **reached, **told, "seconds": seconds}


# What is asked


def _parse(line: Line) -> dict[str, Any]:
    if not line.whole:
        raise ValueError(f"the line is too long; the limit is {lines.MAX_LINE:,} bytes.")
    try:
        request = json.loads(line.text)
    except (ValueError, RecursionError):
        raise ValueError('the line is not JSON; expected an object such as {"moves": "4453"}.') from None
    if not isinstance(request, dict):
        raise ValueError('the line is not a JSON object; expected one such as {"moves": "4453"}.')
    return request


def _id(request: dict[str, Any]) -> dict[str, Any]:
    """What the question is called, to know the answer by."""
    return {"id": request["id"]} if "id" in request else {}


def _echo(request: dict[str, Any]) -> dict[str, str]:
    """The position as it was asked about."""
    start = request.get("start_fen", request.get("fen"))
    asked = {"start_fen": start, "moves": request.get("moves")}
    return {key: text for key, text in asked.items() if isinstance(text, str) and len(text) < 100_000}


def _act(action: Any) -> dict[str, str]:
    if action != _ACTION:
        raise ValueError(f"action is {str(action)[:40]!r}, and can only be '{_ACTION}'; a position needs none.")
    return {"action": _ACTION, "version": __version__}


def _simulations(request: dict[str, Any], default: int) -> int:
    found = request.get("simulations", request.get("maxVisits", default))
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= MAX_SIMULATIONS:
        raise ValueError(f"simulations must be a whole number between 0 and {MAX_SIMULATIONS:,}.")
    return found


def _certain(request: dict[str, Any]) -> bool:
    found = request.get("exact", False)
    if not isinstance(found, bool):
        raise ValueError("exact must be true or false.")
    return found


def _position(player: NetworkPlayer, request: dict[str, Any]) -> np.ndarray:
    """[1] state_dtype: the position that is asked about. Raises ValueError."""
    game = request.get("game", player.game.name)
    if game != player.game.name:
        raise ValueError(f"this agent plays {player.game.name}, not {str(game)[:40]!r}.")
    moves = request.get("moves", "")
    if not isinstance(moves, str):
        raise ValueError("moves must be a string of moves.")
    given = [request[key] for key in ("fen", "start_fen") if request.get(key) is not None]
    if not all(isinstance(fen, str) for fen in given):
        raise ValueError("fen must be a string.")
    if len(given) == 2 and given[0] != given[1]:
        raise ValueError("fen and start_fen mean the same, the position that moves start from: give one of them.")
    return position(player, moves, given[0] if given else None)


def position(player: NetworkPlayer, moves: str, fen: str | None) -> np.ndarray:
    """[1] state_dtype: after these moves, from `fen` or the usual start. Raises ValueError, also where the game is
    over."""
    start = None if fen is None else _notation(player).from_fen(fen)
    states = _notation(player).state_after(moves, start)
    if states["terminal"][0]:
        raise ValueError("the game is over in this position: there is nothing to choose.")
    return states


def _notation(player: NetworkPlayer) -> Notation:
    """The facet of the player's game."""
    import games
    from games.notation import Notation

    return games.facet(player.game, Notation)


# What is told


def _told(player: NetworkPlayer, states: np.ndarray, found: Analysis) -> dict[str, Any]:
    """An analysis of states [1] as JSON values; `policy` in the order of the actions, `moveInfos` the best first."""
    return {
        "best": found.best,
        "pv": found.pv,
        "policy": {move: round(found.policy[move], 6) for move in player.game.legal_moves(states[0])},
        "value": round(found.value, 6),
        "wdl": [round(share, 6) for share in found.wdl],
        "simulations": found.simulations,
        "moveInfos": [_move(found, move, order) for order, move in enumerate(found.policy)],
        "rootInfo": {
            "currentPlayer": int(states["to_play"][0]),
            "visits": sum(found.visits.values()),
            **_worth(found.value),
            "proven": found.exact,
        },
        "reportAnalysisWinratesAs": "SIDETOMOVE",
    }


def _verdicts(player: NetworkPlayer, states: np.ndarray) -> dict[str, Any]:
    """What is certain of each move in states [1]: an exact solver may take longer for it than the search."""
    exact = player.verdicts(states[0])
    return {"exact": None if exact is None else {move: str(verdict) for move, verdict in exact.items()}}


def _move(found: Analysis, move: str, order: int) -> dict[str, Any]:
    return {
        "move": move,
        "order": order,
        "visits": found.visits[move],
        "prior": round(found.priors[move], 6),
        "policy": round(found.policy[move], 6),
        **_worth(found.values[move] if found.visits[move] else None),
        "pv": found.variations[move],
    }


def _worth(value: float | None) -> dict[str, float | None]:
    """A value for the player to move, and the same as points in [0, 1]; None for a move that was not searched."""
    if value is None:
        return {"value": None, "winrate": None}
    return {"value": round(value, 6), "winrate": round((1 + value) / 2, 6)}
