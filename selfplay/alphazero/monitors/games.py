"""Games told from rows: one record for each game of a sample batch, which is the unit of every test.

Rows of a game follow each other, the last move first, so that a game begins where the ply does not fall. Knows rows and
the game's keys, no statistics.
"""

from __future__ import annotations

import numpy as np

from games.base import Game, mix64

LINE_PLIES = 4  # searched plies after which a line is told from others
CONFIDENT = 0.95  # of a value: the search is sure who wins
STAGES = 3  # of a game: its first, middle and last moves

RECORD = np.dtype([
    ("actor", "i4"),
    ("length", "i4"),  # plies from the first searched one
    ("whole", "?"),  # the position that it started from is known
    ("first", "f4"),  # outcome for whoever moved first; nan where it is not whole
    ("start", "u8"),  # key of the position that it started from
    ("line", "u8"),  # key after LINE_PLIES; 0 where it is shorter
    ("moves", "u8"),  # of all positions: equal for equal games
    ("error", "f4"),  # mean of (search value - outcome)²
    ("plain", "f4"),  # mean of outcome²: the error of saying 0 always
    ("stage_error", "f4", (STAGES,)),  # the same by stage; nan where it has no row there
    ("swing", "f4"),  # mean change of the search's value from one ply to the next; nan: none
    ("entropy", "f4"),  # mean, of the search's policy, in nats
    ("sure", "?"),  # the search was confident before the last move
    ("wrong", "?"),  # and the other side won
])  # fmt: skip


def firsts(rows: np.ndarray) -> np.ndarray:
    """[G] places of the first row of each game among rows [M ≥ 1]."""
    ply = rows["ply"]
    return np.flatnonzero(np.concatenate([[True], ply[1:] >= ply[:-1]]))


def once(rows: np.ndarray) -> np.ndarray:
    """[N ≤ M] rows [M ≥ 1], of those that a game delivers several times in a row only the first."""
    same = (rows["ply"][1:] == rows["ply"][:-1]) & (rows["state"][1:] == rows["state"][:-1])
    return rows[np.concatenate([[True], ~same])]


def records(game: Game, rows: np.ndarray, actor: int) -> np.ndarray:
    """[G] RECORD of the games in rows [M ≥ 1]."""
    begin = firsts(rows)
    count = np.diff(np.append(begin, len(rows)))
    last = begin + count - 1  # the place of a game's first move
    found = np.zeros(len(begin), RECORD)
    ply, outcome = rows["ply"].astype(np.int64), rows["outcome"].astype(np.float64)
    value = (rows["search_wdl"][:, 0] - rows["search_wdl"][:, 2]).astype(np.float64)
    keys = game.key(rows["state"])
    found["actor"], found["length"] = actor, ply[begin] + 1
    found["whole"] = ply[last] == 0
    found["first"] = np.where(found["whole"], outcome[last], np.nan)
    found["start"] = keys[last]
    lines = ply == LINE_PLIES
    owner = np.repeat(np.arange(len(begin)), count)
    found["line"][owner[lines]] = keys[lines]
    found["moves"] = np.add.reduceat(mix64(keys ^ ply.astype(np.uint64)), begin)
    squared = np.square(value - outcome)
    found["error"] = np.add.reduceat(squared, begin) / count
    found["plain"] = np.add.reduceat(np.square(outcome), begin) / count
    stage = np.minimum(ply * STAGES // np.repeat(found["length"], count), STAGES - 1)
    place = owner * STAGES + stage
    sums = np.bincount(place, squared, len(begin) * STAGES)
    number = np.bincount(place, minlength=len(begin) * STAGES)
    with np.errstate(invalid="ignore"):
        found["stage_error"] = (sums / number).reshape(-1, STAGES)
    found["swing"] = _swings(rows, ply, value, owner)
    policy = rows["policy"].astype(np.float64)
    entropy = -(policy * np.log(np.maximum(policy, 1e-12))).sum(1)
    found["entropy"] = np.add.reduceat(entropy, begin) / count
    found["sure"] = np.abs(value[begin]) > CONFIDENT
    found["wrong"] = found["sure"] & (outcome[begin] * np.sign(value[begin]) < -0.5)
    return found


def _swings(rows: np.ndarray, ply: np.ndarray, value: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """[G] mean |change of value| over pairs of plies that follow each other; nan where a game has none."""
    next_, now = slice(None, -1), slice(1, None)  # rows go backwards
    follow = (owner[next_] == owner[now]) & (ply[next_] == ply[now] + 1)
    to_play = rows["state"]["to_play"]
    sign = np.where(to_play[next_] == to_play[now], 1.0, -1.0)
    swing = np.abs(value[now] - sign * value[next_])[follow]
    total = owner[-1] + 1
    number = np.bincount(owner[now][follow], minlength=total)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.bincount(owner[now][follow], swing, total) / number
    return mean
