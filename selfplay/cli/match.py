"""Plays a match between two players and reports Elo with its interval; with --sprt, until a sequential test decides.

A PLAYER is a run's folder or one generation's, a reference player (random, greedy, uct:SIMULATIONS, alphabeta:DEPTH,
alphabeta:nodes=N, solver), "bundled", or an engine (uci:COMMAND, hub:COMMAND). Games are played in pairs that swap
seats from one opening, all side by side.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from selfplay.cli.console import early, numbers, paths
from selfplay.cli.tournaments import conditions, playing
from selfplay.errors import UserError
from selfplay.players.levels import MAX_SIMULATIONS

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.cli.tournaments.tally import MatchSummary, Tally
    from selfplay.players.match_worker import MatchSpec
    from selfplay.players.player import Player
    from selfplay.ratings.sprt import SequentialTest
    from selfplay.ratings.tournament_folder import TournamentFolder

EPILOG = """examples:
  selfplay match runs/connect-four uct:1000 --games 100
  selfplay match runs/chess runs/chess/checkpoints/000000
  selfplay match runs/new runs/old --sprt 0,10
  selfplay match runs/checkers alphabeta:4 --simulations 200 --out results
  selfplay match runs/chess uci:stockfish?UCI_Elo=1350 --games 20
  selfplay match uct:1000 solver --game connect-four --json

--sprt ELO0,ELO1 asks whether PLAYER is better by ELO0 or by ELO1 (normalised Elo; --logistic for the usual), and stops
as soon as it can be told with the error rates --alpha and --beta. Games in progress then are played to their ends; the
report says how many decided.
"""

SPRT_GAMES = 20_000  # at most, unless --games says otherwise
SPRT_TOGETHER = 128  # games side by side: those in progress when a test is decided are more than it needed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="PLAYER", help="a run or checkpoint, a reference player, an engine")
    parser.add_argument("second", metavar="OPPONENT", help="the other player, named likewise")
    parser.add_argument("--game", metavar="NAME", help="the game, where neither player is a checkpoint")
    parser.add_argument("--games", type=numbers.whole(2, conditions.MAX_GAMES), metavar="N",
                        help=f"games in all, even (default 100; with --sprt at most {SPRT_GAMES:,})")  # fmt: skip
    parser.add_argument("--simulations", type=numbers.whole(0, MAX_SIMULATIONS), default=100, metavar="N",
                        help="simulations a move of trained players (default 100)")  # fmt: skip
    parser.add_argument("--sprt", metavar="ELO0,ELO1", help="sequential test: stop once one of these is accepted")
    parser.add_argument("--alpha", type=numbers.real(0, 0.5, ends=False), default=0.05, metavar="P",
                        help="risk of accepting ELO1 when ELO0 holds (default 0.05)")  # fmt: skip
    parser.add_argument("--beta", type=numbers.real(0, 0.5, ends=False), default=0.05, metavar="P",
                        help="risk of accepting ELO0 when ELO1 holds (default 0.05)")  # fmt: skip
    parser.add_argument("--logistic", action="store_true", help="bounds of --sprt in logistic Elo")
    conditions.add_openings(parser)
    conditions.add_adjudication(parser)
    parser.add_argument(
        "--seed", type=numbers.seed, default=1, metavar="S", help="seed of openings and of moves (default 1)"
    )
    playing.add_arguments(parser)
    parser.add_argument("--out", type=paths.path, metavar="DIR",
                        help="keep results and game records here; the same command goes on")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")


def run(arguments: argparse.Namespace) -> int:
    if arguments.games is None:
        arguments.games = SPRT_GAMES if arguments.sprt else 100
    conditions.check_even(arguments)
    playing.check(arguments)
    early.check_players([arguments.first, arguments.second], arguments.game)
    test = _test(arguments)
    from selfplay.cli.tournaments.tally import Tally
    from selfplay.ratings import tournament

    spec, game, players = _spec(arguments, together=SPRT_TOGETHER if test else None)
    tasks = [tournament.MatchTask(0, 1, number) for number in range(arguments.games // 2)]
    kept = _kept(arguments, game, list(spec.names))
    tally = Tally(tasks, kept.results.by_task.values() if kept else (), test)
    progress = playing.Progress(2 * tally.missing, arguments.plain or arguments.json)
    workers = playing.workers_of_games(spec, (game, players))
    stopped: BaseException | None = None
    try:
        if not tally.decided:
            _play(workers, tally, arguments, kept, progress)
    except (KeyboardInterrupt, UserError) as error:  # what was played is told before it
        stopped = error
    finally:
        if kept:
            kept.close()
    told = tally.summary()
    if stopped is not None and told is not None:
        print("selfplay: stopped; this is what was played:", file=sys.stderr)
    if told is not None:
        show = _print_json if arguments.json else _print_sentences
        show(arguments, game, told, progress, test)
    if isinstance(stopped, UserError):
        raise stopped
    return 130 if stopped is not None else 0


def _play(
    workers: playing.WorkerPools, tally: Tally, arguments: argparse.Namespace, kept: TournamentFolder | None,
    progress: playing.Progress,
) -> None:  # fmt: skip
    """Plays what is missing, or until the test is decided and the games in progress then have ended."""
    if tally.test is not None:
        stream = playing.played_in_order(workers, tally.to_play(), tally.missing, arguments, progress)
    else:
        stream = playing.played(workers, list(tally.to_play()), arguments, progress, 2)
    for result in stream:
        tally.add(result)
        if kept:
            kept.add(result)
        if tally.test is not None:
            progress.note = f", LLR {tally.test.verdict.llr:+.2f}"
            progress.note += ", decided: games in progress end" if tally.decided else ""


def _spec(arguments: argparse.Namespace, together: int | None) -> tuple[MatchSpec, Game, list[Player]]:
    """What is to be played, with the game and the players loaded. together: games side by side; None: the usual."""
    from selfplay.players import match, match_worker, registry

    texts = [arguments.first, arguments.second]
    game, players = registry.load_players(texts, arguments.game, arguments.simulations)
    starts = conditions.find_openings(game, arguments, arguments.games // 2, players)
    names = texts if texts[0] != texts[1] else [f"{texts[0]} (1)", f"{texts[1]} (2)"]
    spec = match_worker.MatchSpec(
        tuple(texts), tuple(names), game.name, arguments.simulations, tuple(starts), arguments.seed,
        conditions.adjudication(game, arguments), together or match.TOGETHER,
    )  # fmt: skip
    return spec, game, players


def _test(arguments: argparse.Namespace) -> SequentialTest | None:
    """The sequential test that is asked for. Raises UserError for what cannot be tested."""
    if arguments.sprt is None:
        return None
    try:
        low, high = (float(word) for word in arguments.sprt.split(","))
    except ValueError:
        raise UserError(f"--sprt is '{arguments.sprt}': expected two numbers, such as 0,10.") from None
    from selfplay.ratings import sprt

    try:
        model: sprt.EloModel = "logistic" if arguments.logistic else "normalized"
        return sprt.SequentialTest(low, high, arguments.alpha, arguments.beta, model)
    except ValueError as error:
        raise UserError(f"--sprt {arguments.sprt}: {error}.") from None


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


def _print_json(
    arguments: argparse.Namespace, game: Game, told: MatchSummary, progress: playing.Progress,
    test: SequentialTest | None,
) -> None:  # fmt: skip
    import math

    from selfplay.ratings import elo

    m = told.measured
    found: dict[str, Any] = {
        "game": game.name, "first": arguments.first, "second": arguments.second, "games": told.games,
        "wins": told.wins, "draws": told.draws, "losses": told.losses, "score": m.score,
        "interval": [float(elo.score_of_elo(m.lower)), float(elo.score_of_elo(m.upper))],
        "pentanomial": told.pentanomial, "elo": m.elo, "elo_interval": [m.lower, m.upper],
        "normalized_elo": m.normalised, "normalized_elo_interval": [m.normalised_lower, m.normalised_upper],
        "superiority": m.superiority, "simulations": arguments.simulations, "plies": told.plies,
        "openings": conditions.describe_openings(game, arguments, arguments.games // 2), "seed": arguments.seed,
        "seconds": round(progress.seconds, 3), "simulations_per_second": progress.simulations / progress.seconds,
        "not_counted": {"out_of_order": told.out_of_order, "broken_off": told.broken_off, "beyond": told.beyond},
    }  # fmt: skip
    if test is not None:
        verdict = test.verdict
        found["sprt"] = {"elo0": test.elo0, "elo1": test.elo1, "model": test.model, "alpha": test.alpha,
                         "beta": test.beta, "llr": verdict.llr, "lower": verdict.lower, "upper": verdict.upper,
                         "accepted": verdict.accepted, "games": 2 * test.pairs}  # fmt: skip

    def known(value: Any) -> Any:
        if isinstance(value, list):
            return [known(one) for one in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    print(json.dumps({key: known(value) for key, value in found.items()}))


def _print_sentences(
    arguments: argparse.Namespace, game: Game, told: MatchSummary, progress: playing.Progress,
    test: SequentialTest | None,
) -> None:  # fmt: skip
    from selfplay.cli.tournaments import tally
    from selfplay.players import player_spec
    from selfplay.ratings import elo

    m = told.measured
    print(f"{arguments.first} against {arguments.second}, {game.name}, {told.games} games, "
          f"{conditions.describe_openings(game, arguments, m.pairs)}: "
          f"won {told.wins}, drawn {told.draws}, lost {told.losses}.")  # fmt: skip
    low, high = float(elo.score_of_elo(m.lower)), float(elo.score_of_elo(m.upper))
    known = "better" if m.lower > 0 else "worse" if m.upper < 0 else "no certain difference"
    rated, lower, upper, normalised = (f"{x:+.0f}".replace("inf", "∞") for x in (m.elo, m.lower, m.upper, m.normalised))
    print(f"Score {m.score:.1%} (95 % {low:.1%} to {high:.1%}), Elo {rated} ({lower} to {upper}), normalised Elo "
          f"{normalised}, likelihood of being stronger {m.superiority:.1%}: {known}.")  # fmt: skip
    print(f"Pairs with 0, ½, 1, 1½ and 2 points: {', '.join(map(str, told.pentanomial))}.")
    if test is not None:
        verdict = test.verdict
        which = {"H1": f"{test.elo1:g} Elo or more is accepted", "H0": f"{test.elo0:g} Elo or less is accepted",
                 None: "not decided yet: ask for more games"}[verdict.accepted]  # fmt: skip
        print(f"SPRT of {test.elo0:g} against {test.elo1:g} {'logistic' if arguments.logistic else 'normalised'} Elo: "
              f"LLR {verdict.llr:+.2f} of {verdict.lower:+.2f} to {verdict.upper:+.2f}, {which}.")  # fmt: skip
    for remark in tally.remarks(told, test):
        print(remark)
    trained = any(player_spec.is_trained(text) for text in (arguments.first, arguments.second))
    searched = f"{arguments.simulations} simulations a move of trained players, " if trained else ""
    print(f"{searched}{told.plies:.0f} plies a game, {progress.seconds:.0f} s.")
