"""Ratings of generators and discriminators for `elo`: who meets whom on which data, and what the scores say."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfplay.cli.tournaments import conditions, contest
from selfplay.cli.tournaments.contest import Contest, Entry
from selfplay.errors import CheckpointError, UserError
from selfplay.gan.config import DataConfig

if TYPE_CHECKING:
    import numpy as np

    from selfplay.cli.tournaments.playing import Progress
    from selfplay.cli.tournaments.report import TournamentReport
    from selfplay.gan.players import Loaded
    from selfplay.league.payoff import PayoffTable
    from selfplay.ratings.standings import Standings
    from selfplay.ratings.tournament import Tournament

GENERATOR, CRITIC = "generator", "discriminator"
BLOCKS, SAMPLES = 20, 1000
MAX_BLOCKS, MAX_SAMPLES, MAX_GENERATIONS = 1000, 1_000_000, 100
MEANINGLESS = {  # options about games: what they are where nobody gave them
    "game": None, "simulations": None, "random_plies": None, "balance": 0.5, "book": None, "max_plies": 0,
    "resign": 0.0, "draw": 0.0, "exact_after": 0,
}  # fmt: skip


def is_gan(text: str) -> bool:
    """Whether a trained player's text names a GAN run or one of its generations. Raises CheckpointError."""
    from selfplay.gan import players
    from selfplay.league import pool
    from selfplay.storage import artifact

    folder = pool.newest(Path(text.partition("?")[0]))
    return bool(artifact.read(folder)[0].get("family") == players.FAMILY)


def enter(arguments: argparse.Namespace) -> Contest:
    """The tournament that is asked for. Raises UserError."""
    blocks, samples = _numbers(arguments)
    from selfplay.cli.tournaments import playing
    from selfplay.gan import match, players
    from selfplay.ratings import tournament as arena

    entries = _entries(arguments)
    company = [players.load(Path(entry.text)) for entry in entries]
    data = _shared_data(entries, company)
    reals = match.Reals(company[0].agent.source, samples, arguments.seed, BLOCKS)
    if reals.blocks is not None and blocks > reals.blocks:
        raise UserError(
            f"--games is {blocks}, and the held-out data make {reals.blocks} blocks of {reals.size} reals: ask for no "
            "more, or for fewer --samples."
        )
    seats = [(entry, role) for role in (GENERATOR, CRITIC) for entry in entries]
    names = [f"{entry.name} {role}" for entry, role in seats]
    anchor = contest.anchor(arguments.anchor, names)
    plan = match.ScoreSpec(tuple(entry.text for entry in entries), tuple(names), samples, BLOCKS, arguments.seed)
    entrants = [
        arena.Participant(f"{entry.name} {role}", players.digest(Path(entry.text)), role) for entry, role in seats
    ]
    terms = {"family": players.FAMILY, "data": data, "samples": samples, "reals": reals.size, "seed": arguments.seed}
    return Contest(
        entrants, _pairings(entries, arguments.schedule), blocks, ("blocks", 1), terms, "txt",
        playing.WorkerPools(lambda: match.ScoreWorker(plan, company), partial(match.ScoreWorker, plan), lambda: None),
        partial(_report, arguments, entries, company, terms, anchor),
    )  # fmt: skip


def _numbers(arguments: argparse.Namespace) -> tuple[int, int]:
    """(blocks, samples). Raises UserError for options that are about games."""
    for name, absent in MEANINGLESS.items():
        if getattr(arguments, name) != absent:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} is about board games, and a GAN run's players judge samples: leave it out.")
    blocks = BLOCKS if arguments.games is None else arguments.games
    samples = SAMPLES if arguments.samples is None else arguments.samples
    conditions.check_range("--games, the number of blocks,", blocks, 1, MAX_BLOCKS)
    conditions.check_range("--samples", samples, 10, MAX_SAMPLES)
    conditions.check_range("--seed", arguments.seed, 0, 2**62)
    return blocks, samples


def _entries(arguments: argparse.Namespace) -> list[Entry]:
    """One a generation; each takes part with a generator and a discriminator. Raises UserError."""
    from selfplay.league import pool

    found: list[Entry] = []
    given = [Path(text) for text in arguments.players]
    for path, series in zip(given, contest.series_of(given), strict=True):
        for folder in contest.generations(pool.newest(path), path, arguments.generations):
            number = int(folder.name) if folder.name.isdigit() else 0
            name = f"{series}/{number}" if folder != path else str(path)
            found.append(Entry(str(folder), name, series, number))
    contest.refuse_twice([entry.name for entry in found])
    conditions.check_range("the number of generations", len(found), 1, MAX_GENERATIONS)
    return found


def _shared_data(entries: Sequence[Entry], company: Sequence[Loaded]) -> Any:
    """What says which data these runs learned from: a digest, or of endless data the settings that are not the usual
    ones. Raises CheckpointError where they differ."""
    from selfplay import config as configs

    usual = configs.to_values(DataConfig())
    data = []
    for loaded in company:
        values = configs.to_values(loaded.agent.config.data)
        unusual = {key: value for key, value in values.items() if key == "name" or value != usual[key]}
        data.append(getattr(loaded.agent.source.held_out, "digest", None) or unusual)
    for entry, other, loaded in zip(entries, data, company, strict=True):
        if loaded.discriminator is None:
            model = loaded.agent.config.model
            raise CheckpointError(f"{entry.name} is of the model {model}, which has no discriminator to meet.")
        if other != data[0]:
            raise CheckpointError(f"{entries[0].name} and {entry.name} learned from different data: rate them apart.")
        if loaded.agent.config.network.conditional != company[0].agent.config.network.conditional:
            raise CheckpointError(
                f"one of {entries[0].name} and {entry.name} is conditional and the other is not: rate them apart."
            )
    return data[0]


def _pairings(entries: Sequence[Entry], schedule: str) -> list[tuple[int, int]]:
    """Generators are entrants 0 to G − 1, discriminators G to 2 G − 1. Each meets its own generation's opponent, and
    those of the generations that the schedule has it meet."""
    size = len(entries)
    met = contest.pairings(entries, schedule)
    both = [*((k, k) for k in range(size)), *met, *((j, i) for i, j in met)]
    return sorted((i, size + j) for i, j in both)


# Telling


def _report(
    arguments: argparse.Namespace, entries: list[Entry], company: list[Loaded], terms: dict[str, Any],
    anchor: tuple[int | None, float], tournament: Tournament, session: Progress,
) -> TournamentReport:  # fmt: skip
    from selfplay.cli.tournaments import report
    from selfplay.ratings import standings

    size, (fixed, elo) = len(entries), anchor
    names = [entrant.name for entrant in tournament.entrants]
    found = standings.of_blocks(names, tournament.blocks(GENERATOR, CRITIC), fixed, elo)
    table = tournament.table(GENERATOR, CRITIC)
    data, scores = company[0].agent.source.train.name, len(tournament.results)
    said = (
        f"{data}: {size} generators against {size} discriminators, {arguments.schedule}, {scores:,} blocks of "
        f"{terms['samples']:,} fakes and {terms['reals']:,} held-out reals. A game is a real against a fake, and the "
        "generator wins it if the discriminator scores the fake higher: its points are 1 − AUC, in all worth "
        f"{found.fit.results.sum():,.0f} independent games. Intervals are 95 %, by resampling blocks."
    )
    before = f"{scores - session.done:,} from before"
    extra = [f"No blocks scored now, {before}."]
    if session.done:
        speed = f"{session.done / session.seconds:.0f} blocks/s"
        extra = [f"{session.done:,} blocks scored now in {session.seconds:.0f} s ({speed}), {before}."]
    separated = sum(row["score"] in (0, 1) for row in table.rows())
    if separated:
        extra.append(
            f"{separated} of {len(table.rows())} pairs were told apart without a mistake (AUC 0 or 1): such a score "
            "bounds a rating on one side only, and a tenth of a virtual game keeps it finite."
        )
    sentences, measures = _game_theory(entries, table, found)
    known, memorised = _memory(entries, company, tournament)
    several = len({entry.series for entry in entries}) > 1
    series = {
        number: (f"{entries[number % size].series} {entrant.role}s" if several else f"{entrant.role}s",
                 entries[number % size].generation)
        for number, entrant in enumerate(tournament.entrants)
    }  # fmt: skip
    return report.TournamentReport(
        f"Elo of generators and discriminators, {data}", found, terms, said, [*extra, *sentences, *known], series,
        "games.jsonl", measures | {"memorised": memorised},
    )  # fmt: skip


def _game_theory(entries: list[Entry], table: PayoffTable, found: Standings) -> tuple[list[str], dict[str, Any]]:
    """What the pool of players says as a game: as sentences, and as figures. Pairs that have not met score what their
    ratings expect."""
    from selfplay.league import equilibrium, payoff
    from selfplay.ratings import elo as rating

    generators, critics = table.players(GENERATOR), table.players(CRITIC)
    elo = {row.name: row.elo for row in found.rows}
    scores = table.scores(generators, critics, lambda row, column: rating.score_of_elo(elo[row] - elo[column]))
    exploited, gaps = _exploited(entries, generators, critics, scores)
    row, column, solved = equilibrium.nash_averages(scores)
    cyclic = payoff.cyclicity(table)
    chance = f"= {cyclic.p_value:.2g}" if cyclic.p_value > 1e-6 else "< 1e-6"
    return [
        *exploited,
        f"In equilibrium the generators score {solved.value:.3f}: {_mixture(generators, solved.row)}, against "
        f"{_mixture(critics, solved.column)}. Against that, each player's Nash average is in ratings.json.",
        f"Ratings leave {cyclic.share:.1%} of the log odds unexplained, where chance leaves {cyclic.chance:.1%} "
        f"(p {chance}): that is who is strong against whom, and stands in the crosstable only.",
    ], {
        "exploitability": gaps,
        "equilibrium": {name: float(share) for names, mixture in ((generators, solved.row), (critics, solved.column))
                        for name, share in zip(names, mixture, strict=True)},
        "value": solved.value,
        "nash_averages": {name: float(score) for names, averages in ((generators, row), (critics, column))
                          for name, score in zip(names, averages, strict=True)},
        "cyclicity": cyclic._asdict(),
    }  # fmt: skip


def _exploited(
    entries: list[Entry], generators: list[str], critics: list[str], scores: np.ndarray
) -> tuple[list[str], dict[str, float]]:
    """The duality gap of each run's newest pair: as a sentence, and by name."""
    import numpy as np

    from selfplay.league import equilibrium

    sentences, gaps = [], {}
    for series in dict.fromkeys(entry.series for entry in entries):
        newest = max((entry for entry in entries if entry.series == series), key=lambda entry: entry.generation)
        g, d = generators.index(f"{newest.name} {GENERATOR}"), critics.index(f"{newest.name} {CRITIC}")
        gap = equilibrium.exploitability(scores, np.eye(len(generators))[g], np.eye(len(critics))[d])
        best, worst = int(scores[:, d].argmax()), int(scores[g].argmin())
        gaps[newest.name] = gap
        how = (
            f"{generators[best]} scores {scores[best, d]:.3f} against the discriminator, the generator "
            f"{scores[g, worst]:.3f} against {critics[worst]}"
        )
        sentences.append(
            f"{newest.name}: its generator scores {scores[g, d]:.3f} against its discriminator. The two can be "
            f"exploited by {gap:.3f} within this pool (duality gap): {how if gap else 'nobody does better'}."
        )
    return sentences, gaps


def _mixture(names: Sequence[str], shares: np.ndarray) -> str:
    """The players that a mixture is made of, the most likely first, four at most."""
    order = sorted(zip(shares.tolist(), names, strict=True), key=lambda entry: -entry[0])
    there = [f"{name} ({share:.0%})" for share, name in order if share >= 0.005]
    return ", ".join(there[:4]) + (f" and {len(there) - 4} more" if len(there) > 4 else "")


def _memory(
    entries: list[Entry], company: list[Loaded], tournament: Tournament
) -> tuple[list[str], dict[str, dict[str, float | None]]]:
    """By how much discriminators score what they learned from above what was held out: of the newest in words, of all
    as figures. Nothing where the data never end."""
    import numpy as np

    from selfplay.gan import match

    source = company[0].agent.source
    if source.train is source.held_out:
        return [], {}
    by_critic: dict[int, dict[int, list[float]]] = {}
    for task, value in tournament.figure(match.MEMORISED).items():
        by_critic.setdefault(task.second, {}).setdefault(task.opening, []).append(value)
    found: dict[str, dict[str, float | None]] = {}
    for number, blocks in sorted(by_critic.items()):
        means = np.array([np.mean(values) for values in blocks.values()])  # blocks share reals, not more
        error = float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else None
        found[tournament.entrants[number].name] = {"auc": float(means.mean()), "error": error}
    newest = f"{max(entries, key=lambda entry: entry.generation).name} {CRITIC}"
    of = found[newest]
    sure = "" if of["error"] is None else f" (± {1.96 * of['error']:.3f})"
    return [
        f"{newest} tells its training data from fakes with an AUC {of['auc']:+.3f}{sure} above that of held-out data: "
        "what it knows by heart."
    ], found
