"""What Elo does an agent have at each strength it can be asked to play at: the scale of `UCI_Elo`.

Plays the agent as `selfplay uci` does (an engine session, its tree kept from move to move) at several numbers of
simulations and temperatures, each against its neighbours and the weakest against the anchor, in pairs of games from
random openings, for a time; rates all of them together. The anchor, a player who moves at random, has Elo 0 by
definition. --out is written after every opening. "ratio" is the points a
game of the strongest setting against the next, over 0.5.
"""

from __future__ import annotations

import json
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import harness
import numpy as np

import games
from selfplay.players import match, network_player, openings, pretrained, reference, strength
from selfplay.players.network_player import NetworkPlayer
from selfplay.players.player import Choice, Player, Turn
from selfplay.ratings import standings
from selfplay.ratings.tournament import MatchTask, Participant, TaskResult, TournamentResults
from selfplay.serve import engine_session
from selfplay.serve.search_request import SearchRequest
from selfplay.serve.uci import UciServer

SETTINGS = ((0, 4.0), (0, 2.0), (0, 1.0), (0, 0.0), (8, 0.0), (32, 0.0), (100, 0.0))  # simulations, temperature
ANCHOR = "random"
PAIRINGS = (  # by place among the settings; the anchor comes after them
    *((k, k + 1) for k in range(len(SETTINGS) - 1)), *((k, k + 2) for k in range(3)), (0, len(SETTINGS)),
    (1, len(SETTINGS)),
)  # fmt: skip
MAX_PLIES = 300
KEPT = ("weights", "anchor", "points", "measured", "games", "plies", "cpu_seconds")  # in the file
APART = 25  # Elo between two settings of the scale, at least
OPENINGS = 500


class EnginePlayer:
    """The agent as the UCI engine plays it; one game at a time."""

    def __init__(self, agent: NetworkPlayer, simulations: int, temperature: float, seed: int) -> None:
        self.name = f"{simulations} simulations, temperature {temperature:g}"
        self.session = engine_session.EngineSession(agent, UciServer.notation(agent.game), np.random.default_rng(seed))
        point = strength.Measured(0, simulations, temperature)
        self.session.calibration = strength.Calibration("", (point, point._replace(elo=1)))
        self.session.settings |= {"limit_strength": True, "elo": 0}
        self.begin()

    def begin(self) -> None:
        """A new game from the usual start."""
        self.session.new_game()
        self._moves, self._states = list[str](), self.session.game.initial_states(1)

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        session, (played,) = self.session, turn.actions
        for action in played[len(self._moves) :]:
            self._moves.append(session.notation.move(self._states[0], [action]))
            self._states = session.game.step(self._states, np.array([action])).states
        session.set_position(None, self._moves)
        answer = session.play(SearchRequest())
        assert answer.move is not None
        actions = session.notation.actions(self._states[0], answer.move)
        return Choice(np.array(actions), np.array([np.nan], np.float32))


class Table:
    """The players, in one process."""

    def __init__(self, game_name: str, seed: int) -> None:
        harness.start()
        agent = network_player.load(pretrained.path(game_name))
        self.game, self.seed = games.make(game_name), seed
        self.players: list[Player] = [
            EnginePlayer(agent, simulations, temperature, seed + place)
            for place, (simulations, temperature) in enumerate(SETTINGS)
        ]
        self.players.append(reference.make(self.game, ANCHOR))
        self.openings = openings.for_match(self.game, OPENINGS, seed, None, 1.0, None, None)

    def play(self, number: int) -> list[TaskResult]:
        """Two games of every pairing from an opening."""
        found = []
        for place, (first, second) in enumerate(PAIRINGS):
            both = [self.players[first], self.players[second]]
            points, plies = [], []
            for fixture in match.pair(self.openings[number], 0, 1, 2 * (number * len(PAIRINGS) + place)):
                for player in both:
                    if isinstance(player, EnginePlayer):
                        player.begin()
                rules = match.Adjudication(max_plies=MAX_PLIES)
                (played,) = match.stream(self.game, both, [fixture], self.seed, rules, together=1)
                points.append(played.points_of(0))
                plies.append(len(played.actions))
            found.append(TaskResult(MatchTask(first, second, number), tuple(points), tuple(plies)))
        return found


_table: list[Table] = []  # of this process, made once


def _prepare(game_name: str, seed: int) -> None:
    _table.append(Table(game_name, seed))


def _play(number: int) -> tuple[list[TaskResult], float]:
    began = time.process_time()
    return _table[0].play(number), time.process_time() - began


def rated(results: TournamentResults, weights: str, seconds: float) -> dict[str, Any]:
    """The scale, as `strength.of_agent` reads it."""
    names = [participant.name for participant in results.participants]
    found = standings.compute(names, results.pairs(), names.index(ANCHOR))
    rows = {row.player: row for row in found.rows}

    def one(number: int) -> dict[str, Any]:
        row = rows[number]
        return {"elo": round(row.elo), "interval": [_whole(row.lower), _whole(row.upper)], "games": row.games}

    measured = [
        {"simulations": simulations, "temperature": temperature, **one(number)}
        for number, (simulations, temperature) in enumerate(SETTINGS)
    ]
    return {
        "weights": weights,
        "anchor": f"{ANCHOR} = 0",
        "points": rising(measured),
        "measured": measured,
        "games": 2 * len(results),
        "plies": round(results.plies(), 1),
        "cpu_seconds": round(seconds),
        "ratio": float(found.points[len(SETTINGS) - 1, len(SETTINGS) - 2]),
    }


def rising(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The settings whose Elo is above that of every weaker one kept, by enough to tell them apart; the last is kept."""
    kept: list[dict[str, Any]] = []
    for point in measured:
        if not kept or point["elo"] >= kept[-1]["elo"] + APART:
            kept.append(point)
    while kept[-1] is not measured[-1]:
        kept = [point for point in kept[:-1] if point["elo"] + APART <= measured[-1]["elo"]] + [measured[-1]]
    return kept


def _whole(elo: float) -> int | None:
    return round(elo) if np.isfinite(elo) else None


def main() -> None:
    parser = harness.parser(__doc__, seconds=900, repeats=1)
    parser.add_argument("--game", default="connect-four", help="whose packaged agent is measured (default %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that play; each plays --repeats openings at least")
    parser.add_argument("--seed", type=int, default=1, help="of openings and moves (default %(default)s)")
    parser.add_argument("--out", type=Path, help="file for the scale: selfplay/players/strengths/GAME.json")
    asked = parser.parse_args()
    harness.start()
    weights = json.loads((pretrained.path(asked.game) / "manifest.json").read_bytes())["files"][strength.WEIGHTS]
    names = [f"{simulations} simulations, temperature {temperature:g}" for simulations, temperature in SETTINGS]
    results = TournamentResults([Participant(name, name) for name in [*names, ANCHOR]])
    end, used, told = time.monotonic() + asked.seconds, 0.0, dict[str, Any]()
    with futures.ProcessPoolExecutor(asked.processes, None, _prepare, (asked.game, asked.seed)) as pool:
        numbers = iter(range(OPENINGS))
        fewest = asked.repeats * asked.processes
        running = {pool.submit(_play, next(numbers)) for _ in range(asked.processes)}
        begun = len(running)
        while running:
            done, running = futures.wait(running, return_when=futures.FIRST_COMPLETED)
            for one in done:
                played, seconds = one.result()
                used += seconds
                for result in played:
                    results.add(result)
            told = rated(results, weights, used)
            if asked.out is not None:
                asked.out.write_text(json.dumps({key: told[key] for key in KEPT}, indent=1) + "\n")
            while len(running) < asked.processes and (time.monotonic() < end or begun < fewest):
                running.add(pool.submit(_play, next(numbers)))
                begun += 1
    ratio = harness.significant(told.pop("ratio") / 0.5)
    harness.report("strength", ratio, "the next weaker setting, points a game", game=asked.game, **told)


if __name__ == "__main__":
    main()
