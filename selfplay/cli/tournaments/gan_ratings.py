"""Tournaments of generators against critics for `elo`: which pairs play on which data, and the report of the results.

A critic's participants and results are named "discriminator", as in checkpoints. Knows tournaments and their reports,
not how a match is played.
"""

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
    from selfplay.gan.load import LoadedGan
    from selfplay.league.payoff import PayoffTable
    from selfplay.ratings.standings import Standings
    from selfplay.ratings.tournament import TournamentResults

GENERATOR, CRITIC = "generator", "discriminator"  # names of the roles
BLOCKS, SAMPLES = 20, 1000
MAX_BLOCKS, MAX_GENERATIONS = 1000, 100
BOARD_GAMES_ONLY = {  # options about board games, and their defaults
    "game": None, "simulations": None, "random_plies": None, "balance": 0.5, "book": None, "max_plies": 0,
    "resign": 0.0, "draw": 0.0, "exact_after": 0,
}  # fmt: skip


def is_gan(text: str) -> bool:
    """Whether the text of a trained player names a GAN run or one of its generations. Raises CheckpointError."""
    from selfplay.gan import config
    from selfplay.league import pool
    from selfplay.storage import artifact

    folder = pool.newest(Path(text.partition("?")[0]))
    return bool(artifact.read(folder)[0].get("family") == config.FAMILY)


def enter(arguments: argparse.Namespace) -> Contest:
    """The tournament that the arguments describe. Raises UserError."""
    blocks, samples = _numbers(arguments)
    from selfplay.cli.tournaments import playing
    from selfplay.gan import config, load, match, score_worker
    from selfplay.ratings import tournament

    entries = _entries(arguments)
    loaded = [load.load(Path(entry.text)) for entry in entries]
    data = _shared_data(entries, loaded)
    newest = load.newest(loaded)
    reals = match.RealBlocks(newest.agent.source, samples, arguments.seed, BLOCKS)
    if reals.blocks is not None and blocks > reals.blocks:
        raise UserError(
            f"--games is {blocks}, but the held-out data make only {reals.blocks} blocks of {reals.size} reals: ask "
            "for fewer blocks, or fewer --samples."
        )
    seats = [(entry, role) for role in (GENERATOR, CRITIC) for entry in entries]
    names = [f"{entry.name} {role}" for entry, role in seats]
    anchor = contest.anchor(arguments.anchor, names)
    texts = tuple(entry.text for entry in entries)
    spec = score_worker.ScoreSpec(texts, tuple(names), samples, BLOCKS, arguments.seed)
    participants = [
        tournament.Participant(name, load.digest(Path(entry.text)), role)
        for name, (entry, role) in zip(names, seats, strict=True)
    ]
    worker = score_worker.ScoreWorker
    terms = {"family": config.FAMILY, "data": data, "samples": samples, "reals": reals.size, "seed": arguments.seed}
    if newest.agent.source.timeline is not None:
        terms["concept"] = newest.agent.source.concept
    return Contest(
        participants, _pairings(entries, arguments.schedule), blocks, ("blocks", 1), terms, "txt",
        playing.WorkerPools(lambda: worker(spec, loaded), partial(worker, spec), lambda: None),
        partial(_report, arguments, entries, loaded, terms, anchor),
    )  # fmt: skip


def _numbers(arguments: argparse.Namespace) -> tuple[int, int]:
    """(blocks, samples). Raises UserError for numbers out of range and for options about board games."""
    for name, default in BOARD_GAMES_ONLY.items():
        if getattr(arguments, name) != default:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} applies to board games, not to generators and critics: leave it out.")
    blocks = BLOCKS if arguments.games is None else arguments.games
    samples = SAMPLES if arguments.samples is None else arguments.samples
    conditions.check_range("--games, the number of blocks,", blocks, 1, MAX_BLOCKS)
    return blocks, samples


def _entries(arguments: argparse.Namespace) -> list[Entry]:
    """One entry for each generation, whose generator and critic both take part. Raises UserError."""
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


def _shared_data(entries: Sequence[Entry], loaded: Sequence[LoadedGan]) -> Any:
    """Identifies the data that all entries were trained on: a digest, or for endless data the settings that differ from
    the defaults. Raises CheckpointError if entries differ."""
    from selfplay import config as configs

    defaults = configs.to_values(DataConfig())
    data = []
    for one in loaded:
        values = configs.to_values(one.agent.config.data)
        changed = {key: value for key, value in values.items() if key == "name" or value != defaults[key]}
        if one.agent.source.timeline is not None:
            changed["stream"] = configs.to_values(one.agent.config.stream)
        data.append(getattr(one.agent.source.held_out, "digest", None) or changed)
    first, conditional = entries[0].name, loaded[0].agent.config.network.conditional
    for entry, other, one in zip(entries, data, loaded, strict=True):
        if one.critic is None:
            raise CheckpointError(f"{entry.name} has model={one.agent.config.model}, which has no critic to rate.")
        if other != data[0]:
            raise CheckpointError(f"{first} and {entry.name} were trained on different data: rate them separately.")
        if one.agent.config.network.conditional != conditional:
            raise CheckpointError(
                f"One of {first} and {entry.name} is conditional and the other is not: rate them separately."
            )
    return data[0]


def _pairings(entries: Sequence[Entry], schedule: str) -> list[tuple[int, int]]:
    """Pairs (generator, critic) that play: generators are participants 0 to G − 1, critics G to 2 G − 1. Each plays the
    opponent of its own generation, and those of the generations that the schedule pairs with it."""
    size = len(entries)
    pairs = contest.pairings(entries, schedule)
    both = [*((k, k) for k in range(size)), *pairs, *((j, i) for i, j in pairs)]
    return sorted((i, size + j) for i, j in both)


# Report


def _report(
    arguments: argparse.Namespace, entries: list[Entry], loaded: list[LoadedGan], terms: dict[str, Any],
    anchor: tuple[int | None, float], results: TournamentResults, session: Progress,
) -> TournamentReport:  # fmt: skip
    from selfplay.cli.tournaments import report
    from selfplay.ratings import standings

    names = [participant.name for participant in results.participants]
    found = standings.of_blocks(names, results.blocks(GENERATOR, CRITIC), *anchor)
    table = results.table(GENERATOR, CRITIC)
    data = _newest(loaded).agent.source.train.name
    sentences, measures = _game_theory(entries, table, found)
    memory_sentences, memorised = _memorisation(entries, loaded, results)
    return report.TournamentReport(
        f"Elo of generators and critics, {data}",
        found,
        terms,
        _summary(data, len(entries), arguments.schedule, terms, results, found),
        [_progress(results, session), *_separated(table), *sentences, *memory_sentences],
        _series(entries, results),
        "games.jsonl",
        measures | {"memorised": memorised},
    )


def _summary(
    data: str, size: int, schedule: str, terms: dict[str, Any], results: TournamentResults, found: Standings
) -> str:  # fmt: skip
    """What was played and what a score means. size: G."""
    return (
        f"{data}: {size} generators against {size} critics, named {CRITIC}, {schedule}, {len(results):,} "
        f"blocks of {terms['samples']:,} fakes and {terms['reals']:,} held-out reals. A game is one real against one "
        "fake, and the generator wins it if the critic scores the fake higher: the generator's score is 1 − AUC, worth "
        f"{found.fit.results.sum():,.0f} independent games in all. Intervals are 95 %, by resampling blocks."
    )


def _progress(results: TournamentResults, session: Progress) -> str:
    """How many blocks were played now, and how many were kept from earlier sessions."""
    before = f"{len(results) - session.done:,} from earlier"
    if not session.done:
        return f"No blocks played now, {before}."
    speed = f"{session.done / session.seconds:.0f} blocks/s"
    return f"{session.done:,} blocks played now in {session.seconds:.0f} s ({speed}), {before}."


def _separated(table: PayoffTable) -> list[str]:
    """A sentence about pairs that were told apart without error, if there are any."""
    rows = table.rows()
    count = sum(row["score"] in (0, 1) for row in rows)
    if not count:
        return []
    return [
        f"{count} of {len(rows)} pairs were told apart without error (AUC 0 or 1): such a score bounds a rating on one "
        "side only, and a tenth of a virtual game keeps it finite."
    ]


def _newest(loaded: list[LoadedGan]) -> LoadedGan:
    from selfplay.gan import load

    return load.newest(loaded)


def _series(entries: list[Entry], results: TournamentResults) -> dict[int, tuple[str, int]]:
    """(curve of the plot, generation) of each participant."""
    several = len({entry.series for entry in entries}) > 1
    found = {}
    for number, participant in enumerate(results.participants):
        entry = entries[number % len(entries)]
        role = "critics" if participant.role == CRITIC else "generators"
        found[number] = (f"{entry.series} {role}" if several else role, entry.generation)
    return found


def _game_theory(entries: list[Entry], table: PayoffTable, found: Standings) -> tuple[list[str], dict[str, Any]]:
    """(sentences, measurements): exploitability, equilibrium and cyclicity of the payoff table. Pairs that have not
    played count with the score that their ratings predict."""
    from selfplay.league import equilibrium, payoff
    from selfplay.ratings import elo

    generators, critics = table.players(GENERATOR), table.players(CRITIC)
    rated = {row.name: row.elo for row in found.rows}
    scores = table.scores(generators, critics, lambda row, column: elo.score_of_elo(rated[row] - rated[column]))
    exploited, gaps = _exploited(entries, generators, critics, scores)
    row, column, solved = equilibrium.nash_averages(scores)
    cyclic = payoff.cyclicity(table)
    chance = f"= {cyclic.p_value:.2g}" if cyclic.p_value > 1e-6 else "< 1e-6"
    return [
        *exploited,
        f"In the Nash equilibrium the generators score {solved.value:.3f}: {_mixture(generators, solved.row)}, against "
        f"{_mixture(critics, solved.column)}. The Nash average of each player is in ratings.json.",
        f"Ratings leave {cyclic.share:.1%} of the log odds unexplained, and chance alone {cyclic.chance:.1%} "
        f"(p {chance}): this cyclic part appears in the crosstable only.",
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
    """(sentences, duality gaps by name) of each run's newest pair."""
    import numpy as np

    from selfplay.league import equilibrium

    sentences, gaps = [], {}
    for series in dict.fromkeys(entry.series for entry in entries):
        newest = max((entry for entry in entries if entry.series == series), key=lambda entry: entry.generation)
        g, d = generators.index(f"{newest.name} {GENERATOR}"), critics.index(f"{newest.name} {CRITIC}")
        gap = equilibrium.exploitability(scores, np.eye(len(generators))[g], np.eye(len(critics))[d])
        best, worst = int(scores[:, d].argmax()), int(scores[g].argmin())
        gaps[newest.name] = gap
        better = (
            f"{generators[best]} scores {scores[best, d]:.3f} against the critic, the generator "
            f"{scores[g, worst]:.3f} against {critics[worst]}"
        )
        sentences.append(
            f"{newest.name}: its generator scores {scores[g, d]:.3f} against its critic. Their exploitability within "
            f"this pool (duality gap) is {gap:.3f}: {better if gap else 'no other player does better'}."
        )
    return sentences, gaps


def _mixture(names: Sequence[str], shares: np.ndarray) -> str:
    """The players in a mixed strategy, the most likely first, at most four by name."""
    order = sorted(zip(shares.tolist(), names, strict=True), key=lambda entry: -entry[0])
    support = [f"{name} ({share:.0%})" for share, name in order if share >= 0.005]
    return ", ".join(support[:4]) + (f" and {len(support) - 4} more" if len(support) > 4 else "")


def _memorisation(
    entries: list[Entry], loaded: list[LoadedGan], results: TournamentResults
) -> tuple[list[str], dict[str, dict[str, float | None]]]:
    """(sentence about the newest critic, AUC on training data − AUC on held-out data of each critic). Empty for endless
    data, which have no training part."""
    import numpy as np

    from selfplay.gan import score_worker

    source = _newest(loaded).agent.source
    if source.train is source.held_out:
        return [], {}
    by_critic: dict[int, dict[int, list[float]]] = {}
    for task, value in results.figure(score_worker.MEMORISED).items():
        by_critic.setdefault(task.second, {}).setdefault(task.opening, []).append(value)
    found: dict[str, dict[str, float | None]] = {}
    for number, blocks in sorted(by_critic.items()):
        means = np.array([np.mean(values) for values in blocks.values()])  # matches of a block share their reals
        error = float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else None
        found[results.participants[number].name] = {"auc": float(means.mean()), "error": error}
    newest = f"{max(entries, key=lambda entry: entry.generation).name} {CRITIC}"
    gap, error = found[newest]["auc"], found[newest]["error"]
    interval = "" if error is None else f" (± {1.96 * error:.3f})"
    return [
        f"The AUC of {newest} on its training data is {gap:+.3f}{interval} above that on held-out data: memorisation."
    ], found
