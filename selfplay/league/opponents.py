"""Opponent sampling: five policies as weights over players, and which past generations are worth keeping.

    latest    the newest: plain self-play, which can run in circles
    history   all of the past alike: fictitious play (Brown 1951; Heinrich, Lanctot & Silver 2015)
    pfsp      those that are hard to beat, by results: prioritised fictitious self-play (Vinyals et al. 2019)
    nash      the equilibrium of the payoff table: double oracle (McMahan et al. 2003; Lanctot et al. 2017)
    ema       the learner's own averaged weights

Knows players by name and results by table; not what players are, nor where they are kept.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from selfplay import errors
from selfplay.errors import ConfigError
from selfplay.league import equilibrium, payoff

POLICIES = ("latest", "history", "pfsp", "nash", "ema")
KINDS = ("hard", "variance")
AVERAGE = "average"  # the name of the one player that is no generation: the learner's averaged weights as they are now


def check(policy: str, kind: str = KINDS[0], power: float = 2.0) -> None:
    """Raises ConfigError for a policy or a kind of priority that does not exist, or a power that is not above 0."""
    _known(policy, POLICIES, "opponent policy")
    _known(kind, KINDS, "kind of priority")
    if not 0 < power < math.inf:
        raise ConfigError(f"the power of a priority is a finite number above 0, not {power}.")


def _known(word: str, words: Sequence[str], what: str) -> None:
    if word not in words:
        raise ConfigError(f"no {what} is called '{word}'.{errors.suggest(word, words)} Known: {', '.join(words)}.")


def weights(
    policy: str,
    players: Sequence[str],
    table: payoff.PayoffTable | None = None,
    learner: str | None = None,
    kind: str = KINDS[0],
    power: float = 2.0,
    unknown: payoff.Unknown = 0.5,
) -> np.ndarray:
    """[K] float64 ≥ 0 that sum to 1: how often to draw each of K players as an opponent.

    policy: one of `POLICIES`.
    players: names, the oldest first. `AVERAGE` may be among them: "ema" draws it always and the others never, since it
        has no past: it is no generation that was kept but a player that changes with every update.
    table: for "pfsp" and "nash": its rows are players of the learner's role, its columns of the opponents' (`turned`
        where it is the other way round).
    learner: for "pfsp": the row whose results count, commonly the newest generation.
    kind, power: of "pfsp", with p the learner's score against the opponent: "hard" (1 − p)^power, or "variance"
        p (1 − p), which prefers equals. Where everyone is beaten for certain, all alike.
    unknown: as in `PayoffTable.scores`. By default ½, as in AlphaStar, and not the score most wanted: most pairs of a
        table never play, and players that were weak long ago must not crowd out those known to be hard. ½ is what a
        player scores against itself; what ratings predict is better.

    "nash" is the opponents' side of the equilibrium of greatest entropy between all rows and `players`; of a symmetric
    table, among `players` themselves. Without any result it is uniform.

    ConfigError: as `check`; no such player. ValueError: no players but AVERAGE; a table or learner is missing."""
    check(policy, kind, power)
    past = [place for place, name in enumerate(players) if name != AVERAGE]
    found = np.zeros(len(players))
    if policy == "ema":
        if AVERAGE not in players:
            raise ConfigError("opponents cannot be averaged weights where no averages are kept.")
        found[players.index(AVERAGE)] = 1.0
        return found
    if not past:
        raise ValueError("there is nobody yet to draw an opponent from")
    if policy == "latest":
        found[past[-1]] = 1.0
    elif policy == "history":
        found[past] = 1 / len(past)
    elif table is None or (policy == "pfsp" and learner is None):
        raise ValueError(
            f"'{policy}' draws by results: it takes a payoff table" + ", and a learner" * (policy == "pfsp")
        )
    else:
        names = [players[place] for place in past]
        if policy == "pfsp":
            assert learner is not None
            found[past] = priorities(table.scores([learner], names, unknown)[0], kind, power)
        else:
            found[past] = _nash(names, table, unknown)
    return found


def priorities(scores: np.ndarray, kind: str = KINDS[0], power: float = 2.0) -> np.ndarray:
    """[K] float64, sum 1, from scores [K] in [0, 1] of the learner: f(p) of Vinyals et al. 2019 ("Grandmaster level in
    StarCraft II", methods, prioritised fictitious self-play), hard (1 − p)^power or variance p (1 − p)."""
    wanted = 1 - scores if kind == "hard" else scores * (1 - scores)
    if wanted.max() <= 0:
        return np.full(len(scores), 1 / len(scores))
    wanted = (wanted / wanted.max()) ** (power if kind == "hard" else 1)
    return np.asarray(wanted / wanted.sum())


def _nash(names: list[str], table: payoff.PayoffTable, unknown: payoff.Unknown) -> np.ndarray:
    rows = names if table.symmetric else table.players(table.roles[0])
    if not rows:
        return np.full(len(names), 1 / len(names))
    return equilibrium.solve(table.scores(rows, names, unknown)).column


def draw(players: Sequence[str], shares: np.ndarray, rng: np.random.Generator, count: int = 1) -> list[str]:
    """`count` players, independently, with the probabilities `weights` gave. One number of `rng` a draw, whichever the
    players are, so that another policy leaves the random stream where it was."""
    steps = np.cumsum(shares)
    places = np.searchsorted(steps, rng.random(count) * steps[-1], side="right")
    return [players[place] for place in places]


def retained(
    generations: Iterable[int], newest: int = 20, log_spaced: int = 4, pinned: Collection[int] = ()
) -> list[int]:
    """Which of the generations to keep, ascending: the `newest` ones, some of the past, and those pinned.

    generations: numbers ≥ 0; ages count from the greatest. newest: generations, 1 or more. log_spaced: about so many
        are kept each time that the age doubles, 0 for none, so that G generations leave some log_spaced · log2(G).

    A generation g lasts while its age is at most 2 · log_spaced · 2^v, where 2^v is the greatest power of 2 that
    divides it: multiples of 8 last eight times as long as odd numbers, and generation 0 for ever. That depends on
    nothing but g and its age; so a dropped one never returns, and asking every time gives what asking once does,
    provided that the settings stay. ValueError: other settings."""
    if newest < 1 or log_spaced < 0:
        raise ValueError(f"newest is 1 or more and log_spaced 0 or more, not {newest} and {log_spaced}")
    present = sorted(set(generations))
    if present and present[0] < 0:
        raise ValueError(f"generations have numbers from 0 on, not {present[0]}")
    kept = []
    for generation in present:
        age = present[-1] - generation
        twos = generation & -generation  # the greatest power of 2 that divides it; 0 for 0
        lasting = log_spaced > 0 and (generation == 0 or age <= 2 * log_spaced * twos)
        if age < newest or lasting or generation in pinned:
            kept.append(generation)
    return kept
