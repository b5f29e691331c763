"""Plays a match between two players and reports Elo with its interval; with --sprt, until a sequential test decides.

A PLAYER is a run's folder or one generation's, a reference player (random, greedy, uct:SIMULATIONS, alphabeta:DEPTH,
alphabeta:nodes=N, solver), "bundled", or an engine (uci:COMMAND, hub:COMMAND). Games are played in pairs that swap
seats from one opening, all side by side.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from selfplay.cli.console import early, paths
from selfplay.cli.tournaments import conditions, playing
from selfplay.errors import UserError
from selfplay.players.levels import MAX_SIMULATIONS

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.players.match_worker import MatchSpec
    from selfplay.players.player import Player
    from selfplay.ratings.sprt import EloEstimate, Verdict
    from selfplay.ratings.tournament import MatchTask, TaskResult
    from selfplay.ratings.tournament_folder import TournamentFolder

EPILOG = """examples:
  selfplay match runs/connect-four uct:1000 --games 100
  selfplay match runs/chess runs/chess/checkpoints/000000
  selfplay match runs/new runs/old --sprt 0,10
  selfplay match runs/checkers alphabeta:4 --simulations 200 --out results
  selfplay match runs/chess uci:stockfish?UCI_Elo=1350 --games 20
  selfplay match uct:1000 solver --game connect-four --json

--sprt ELO0,ELO1 asks whether PLAYER is better by ELO0 or by ELO1 (normalised Elo; --logistic for the usual), and stops
as soon as it can be told with the error rates --alpha and --beta.
"""

SPRT_GAMES = 20_000  # at most, unless --games says otherwise
SPRT_TOGETHER = 128  # games side by side: those in progress when a test ends are lost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="PLAYER", help="a run or checkpoint, a reference player, an engine")
    parser.add_argument("second", metavar="OPPONENT", help="the other player, named likewise")
    parser.add_argument("--game", metavar="NAME", help="the game, where neither player is a checkpoint")
    parser.add_argument("--games", type=int, metavar="N",
                        help=f"games in all, even (default 100; with --sprt at most {SPRT_GAMES:,})")  # fmt: skip
    parser.add_argument("--simulations", type=int, default=100, metavar="N",
                        help="simulations a move of trained players (default 100)")  # fmt: skip
    parser.add_argument("--sprt", metavar="ELO0,ELO1", help="sequential test: stop once one of these is accepted")
    parser.add_argument("--alpha", type=float, default=0.05, metavar="P",
                        help="risk of accepting ELO1 when ELO0 holds (default 0.05)")  # fmt: skip
    parser.add_argument("--beta", type=float, default=0.05, metavar="P",
                        help="risk of accepting ELO0 when ELO1 holds (default 0.05)")  # fmt: skip
    parser.add_argument("--logistic", action="store_true", help="bounds of --sprt in logistic Elo")
    conditions.add_openings(parser)
    conditions.add_adjudication(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="seed of openings and of moves (default 1)")
    playing.add_arguments(parser)
    parser.add_argument("--out", type=paths.path, metavar="DIR",
                        help="keep results and game records here; the same command goes on")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")


class MatchSummary(NamedTuple):
    """The result of the games played so far, for the first player."""

    pentanomial: list[int]  # pairs with 0, 1/2, 1, 3/2, 2 points
    wins: int
    draws: int
    losses: int
    measured: EloEstimate
    verdict: Verdict | None


def run(arguments: argparse.Namespace) -> int:
    if arguments.games is None:
        arguments.games = SPRT_GAMES if arguments.sprt else 100
    conditions.check(arguments)
    playing.check(arguments)
    conditions.check_range("--simulations", arguments.simulations, 0, MAX_SIMULATIONS)
    early.check_players([arguments.first, arguments.second], arguments.game)
    bounds = _bounds(arguments)
    from selfplay.ratings import tournament

    spec, game, players = _spec(arguments, together=SPRT_TOGETHER if bounds else None)
    tasks = [tournament.MatchTask(0, 1, number) for number in range(arguments.games // 2)]
    kept = _kept(arguments, game, list(spec.names))
    before = kept.results.by_task if kept else {}
    points = {task: result.points for task, result in before.items()}
    progress = playing.Progress(2 * (len(tasks) - len(points)), arguments.plain or arguments.json)
    plies = [ply for result in before.values() for ply in result.plies]
    code = 0
    try:
        missing = [task for task in tasks if task not in points]
        stream = playing.play(spec, (game, players), missing, arguments, progress)
        told = _until(stream, tasks, points, plies, bounds, arguments, kept, progress)
    except KeyboardInterrupt:
        told, code = _tell(_in_order(tasks, points), bounds, arguments), 130
        print("selfplay: stopped; this is what was played:", file=sys.stderr)
        if told is None:
            return code
    finally:
        if kept:
            kept.close()
    assert told is not None
    show = _print_json if arguments.json else _print_sentences
    show(arguments, game, told, progress, sum(plies) / max(1, len(plies)), bounds)
    return code


def _spec(arguments: argparse.Namespace, together: int | None) -> tuple[MatchSpec, Game, list[Player]]:
    """What is to be played, with the game and the players loaded. together: games side by side; None: the usual."""
    from selfplay.players import match, match_worker, registry

    texts = [arguments.first, arguments.second]
    game, players = registry.load_players(texts, arguments.game, arguments.simulations)
    starts = conditions.find_openings(game, arguments, arguments.games // 2, players)
    names = texts if texts[0] != texts[1] else [f"{texts[0]} (1)", f"{texts[1]} (2)"]
    spec = match_worker.MatchSpec(
        tuple(texts), tuple(names), game.name, arguments.simulations, tuple(starts), arguments.seed,
        conditions.adjudication(arguments), together or match.TOGETHER,
    )  # fmt: skip
    return spec, game, players


def _bounds(arguments: argparse.Namespace) -> tuple[float, float] | None:
    """(ELO0, ELO1). Raises UserError for what cannot be tested."""
    if arguments.sprt is None:
        return None
    try:
        low, high = (float(word) for word in arguments.sprt.split(","))
    except ValueError:
        raise UserError(f"--sprt is '{arguments.sprt}': expected two numbers, such as 0,10.") from None
    import numpy as np

    from selfplay.ratings import sprt

    try:
        sprt.decide(np.zeros(5), low, high, arguments.alpha, arguments.beta, _model(arguments))
    except ValueError as error:
        raise UserError(f"--sprt {arguments.sprt}: {error}.") from None
    return low, high


def _model(arguments: argparse.Namespace) -> Any:
    return "logistic" if arguments.logistic else "normalized"


def _kept(arguments: argparse.Namespace, game: Game, names: list[str]) -> TournamentFolder | None:
    """The folder that results are kept in, if one was asked for."""
    if arguments.out is None:
        return None
    import games
    from games.notation import Notation
    from selfplay.players import registry
    from selfplay.ratings import tournament, tournament_folder

    participants = [
        tournament.Participant(name, registry.digest(text, arguments.game, arguments.simulations))
        for name, text in zip(names, [arguments.first, arguments.second], strict=True)
    ]
    terms, suffix = conditions.terms(game, arguments), games.facet(game, Notation).record_suffix
    return tournament_folder.TournamentFolder(arguments.out, participants, terms, suffix)


def _until(
    stream: Any, tasks: list[MatchTask], points: dict[MatchTask, Any], plies: list[int],
    bounds: tuple[float, float] | None, arguments: argparse.Namespace, kept: TournamentFolder | None,
    progress: playing.Progress,
) -> MatchSummary | None:  # fmt: skip
    """Takes results until all are there or the test has decided.

    The test looks at pairs in the order of their openings, at those before the first that is not finished: short games
    end first, and to judge by whichever ended would favour what is quickly decided."""
    told = _tell(_in_order(tasks, points), bounds, arguments)
    if told is not None and told.verdict is not None and told.verdict.accepted:
        return told
    result: TaskResult
    for result in stream:
        points[result.task] = result.points
        plies += result.plies
        if kept:
            kept.add(result)
        if bounds:
            told = _tell(_in_order(tasks, points), bounds, arguments)
            if told is not None and told.verdict is not None:
                progress.note = f", LLR {told.verdict.llr:+.2f}"
                if told.verdict.accepted:
                    stream.close()
                    return told
    return _tell(_in_order(tasks, points), bounds, arguments)


def _in_order(tasks: list[MatchTask], points: dict[MatchTask, Any]) -> list[Any]:
    """Points of the pairs before the first that is not finished."""
    done = []
    for task in tasks:
        if task not in points:
            break
        done.append(points[task])
    return done


def _tell(pairs: list[Any], bounds: tuple[float, float] | None, arguments: argparse.Namespace) -> MatchSummary | None:
    """None where no pair is finished."""
    import numpy as np

    from selfplay.ratings import sprt

    if not pairs:
        return None
    moving_first, moving_second = np.array(pairs).T
    counts = sprt.pentanomial(sprt.kinds(moving_first, moving_second))
    verdict = None
    if bounds:
        verdict = sprt.decide(counts, *bounds, arguments.alpha, arguments.beta, _model(arguments))
    games = np.concatenate([moving_first, moving_second])
    wins, draws = int((games == 1).sum()), int((games == 0.5).sum())
    return MatchSummary(counts.tolist(), wins, draws, len(games) - wins - draws, sprt.measure(counts), verdict)


def _print_json(
    arguments: argparse.Namespace, game: Game, told: MatchSummary, progress: playing.Progress, plies: float,
    bounds: tuple[float, float] | None,
) -> None:  # fmt: skip
    import math

    from selfplay.ratings import elo

    m, verdict = told.measured, told.verdict
    found: dict[str, Any] = {
        "game": game.name, "first": arguments.first, "second": arguments.second, "games": 2 * m.pairs,
        "wins": told.wins, "draws": told.draws, "losses": told.losses, "score": m.score,
        "interval": [float(elo.score_of_elo(m.lower)), float(elo.score_of_elo(m.upper))],
        "pentanomial": told.pentanomial, "elo": m.elo, "elo_interval": [m.lower, m.upper],
        "normalized_elo": m.normalised, "normalized_elo_interval": [m.normalised_lower, m.normalised_upper],
        "superiority": m.superiority, "simulations": arguments.simulations, "plies": plies,
        "openings": conditions.describe_openings(game, arguments, arguments.games // 2), "seed": arguments.seed,
        "seconds": round(progress.seconds, 3), "simulations_per_second": progress.simulations / progress.seconds,
    }  # fmt: skip
    if verdict is not None and bounds is not None:
        found["sprt"] = {"elo0": bounds[0], "elo1": bounds[1], "model": _model(arguments), "alpha": arguments.alpha,
                         "beta": arguments.beta, "llr": verdict.llr, "lower": verdict.lower, "upper": verdict.upper,
                         "accepted": verdict.accepted}  # fmt: skip

    def known(value: Any) -> Any:
        if isinstance(value, list):
            return [known(one) for one in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    print(json.dumps({key: known(value) for key, value in found.items()}))


def _print_sentences(
    arguments: argparse.Namespace, game: Game, told: MatchSummary, progress: playing.Progress, plies: float,
    bounds: tuple[float, float] | None,
) -> None:  # fmt: skip
    from selfplay.players import registry
    from selfplay.ratings import elo

    m = told.measured
    print(f"{arguments.first} against {arguments.second}, {game.name}, {2 * m.pairs} games, "
          f"{conditions.describe_openings(game, arguments, m.pairs)}: "
          f"won {told.wins}, drawn {told.draws}, lost {told.losses}.")  # fmt: skip
    low, high = float(elo.score_of_elo(m.lower)), float(elo.score_of_elo(m.upper))
    verdict = "better" if m.lower > 0 else "worse" if m.upper < 0 else "no certain difference"
    rated, lower, upper, normalised = (f"{x:+.0f}".replace("inf", "∞") for x in (m.elo, m.lower, m.upper, m.normalised))
    print(f"Score {m.score:.1%} (95 % {low:.1%} to {high:.1%}), Elo {rated} ({lower} to {upper}), normalised Elo "
          f"{normalised}, likelihood of being stronger {m.superiority:.1%}: {verdict}.")  # fmt: skip
    print(f"Pairs with 0, ½, 1, 1½ and 2 points: {', '.join(map(str, told.pentanomial))}.")
    if told.verdict is not None and bounds is not None:
        test = told.verdict
        which = {"H1": f"{bounds[1]:g} Elo or more is accepted", "H0": f"{bounds[0]:g} Elo or less is accepted",
                 None: "not decided yet: ask for more games"}[test.accepted]  # fmt: skip
        print(f"SPRT of {bounds[0]:g} against {bounds[1]:g} {'logistic' if arguments.logistic else 'normalised'} Elo: "
              f"LLR {test.llr:+.2f} of {test.lower:+.2f} to {test.upper:+.2f}, {which}.")  # fmt: skip
    trained = any(registry.is_trained(text) for text in (arguments.first, arguments.second))
    searched = f"{arguments.simulations} simulations a move of trained players, " if trained else ""
    print(f"{searched}{plies:.0f} plies a game, {progress.seconds:.0f} s.")
