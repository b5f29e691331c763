"""The layout of the panel: a status as lines that fit a window of any size.

What does not fit side by side stands one below the other; what does not fit in the height is left out, the least
important first. Knows what every run has; what a family's numbers are called, its `Display` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from selfplay.cli.live import evaluation
from selfplay.display import Balance, Display, RateSpec
from selfplay.types import Status

EVEN = 0.14  # about one half: within 100 Elo of each other
BALANCE_WIDTH = 20  # characters
NARROW, WIDE = 10, 60  # characters of a curve
GAP = "  "
APART = 5  # characters between what was made and what was learned

Row = tuple[str, str, str]  # name, count, rate


class Speeds(NamedTuple):
    """Over the last seconds."""

    updates: float = 0.0  # a second
    rows: float = 0.0


class Detail(NamedTuple):
    """How much is shown."""

    blanks: bool  # lines between the parts
    losses: bool  # all that the learner reports, or only losses
    curves: int  # at most


DETAILS = (Detail(True, True, 99), Detail(False, True, 99), Detail(False, False, 99), Detail(False, False, 1),
           Detail(False, False, 0))  # fmt: skip


def duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def time_left(status: Status) -> str:
    if not 0.002 < status.progress < 1:
        return "–"
    return duration(status.seconds / status.progress * (1 - status.progress))


def title(preset: str, status: Status, phase: str, width: int) -> str:
    """What stands above the panel, in at most `width` characters where that is possible."""
    number = status.generation
    words = (
        f"selfplay · {preset} · generation {number} · {phase}", f"{preset} · generation {number} · {phase}",
        f"{preset} · gen. {number} · {phase}", f"gen. {number} · {phase}",
    )  # fmt: skip
    return next((text for text in words if cell_len(text) <= width), f"gen. {number}")


def times(status: Status, width: int) -> list[str]:
    """Share of the budget, time and time left; in two lines where one is too narrow."""
    share, passed, left = (
        f"{status.progress:4.0%}", f"time {duration(status.seconds)}", f"left {time_left(status)}",
    )  # fmt: skip
    line = f"{share}   {passed}   {left}"
    return [line] if len(line) <= width else [f"{share} {passed}", left]


def lines(status: Status, speeds: Speeds, display: Display, width: int, height: int) -> list[str]:
    """All below the progress bar, in the most detail that fits `height` lines of `width` characters."""
    for detail in DETAILS:
        found = _lines(status, speeds, display, width, detail)
        if len(found) <= height:
            break
    return found[: max(1, height)]


def _lines(status: Status, speeds: Speeds, display: Display, width: int, detail: Detail) -> list[str]:
    made, learned = _made(status, speeds, display), _learned(status, speeds, display, detail.losses)
    parts = [beside(made, learned, width) or below([*made, *learned], width)]
    of = display.balance
    if of and of.metric in status.losses:
        parts.append(balance(status.losses[of.metric], of, width))
    parts.append(drift(status))
    parts.append(_curves(status, display, width)[: detail.curves])
    found: list[str] = []
    for part in parts:
        found += ["", *part] if part and detail.blanks else part
    return [set_cell_size(line, width) if cell_len(line) > width else line for line in found]


def beside(made: Sequence[Row], learned: Sequence[Row], width: int) -> list[str]:
    """Two tables side by side; empty where they are too wide."""
    left, right = _aligned(made), _aligned(learned)
    room = max(map(cell_len, left)) + APART
    if room + max(map(cell_len, right)) > width:
        return []
    pairs = range(max(len(left), len(right)))
    return [
        set_cell_size(left[index] if index < len(left) else "", room) + (right[index] if index < len(right) else "")
        for index in pairs
    ]


def _aligned(rows: Sequence[Row]) -> list[str]:
    names, counts, rates = (max(map(cell_len, column)) for column in zip(*rows, strict=True))
    return [f"{set_cell_size(name, names)}{GAP}{count:>{counts}}{GAP}{rate:>{rates}}" for name, count, rate in rows]


def below(rows: Sequence[Row], width: int) -> list[str]:
    """A row a line: its name on the left, its numbers on the right."""
    found = []
    for name, count, rate in rows:
        numbers = GAP.join(text for text in (count, rate) if text)
        found.append(set_cell_size(name, max(1, width - cell_len(numbers) - 1)) + " " + numbers)
    return found


def _made(status: Status, speeds: Speeds, display: Display) -> list[Row]:
    """What actors have made, and how fast."""
    rates = status.rates
    count = {display.rows: f"{status.rows:,}"} | ({"games": f"{status.games:,}"} if display.counts_games else {})
    rows = [_row(spec, count.pop(spec.label, ""), rates, speeds, display) for spec in display.rates if spec.label]
    if display.rows in count:
        rows.insert(0, (display.rows, count[display.rows], _per_second(speeds.rows)))
    kept = [row for row in rows if row[1] or row[2]]
    return [*kept, ("this generation", "", f"{status.generation_progress:.0%}")]


def _row(spec: RateSpec, count: str, rates: Mapping[str, float], speeds: Speeds, display: Display) -> Row:
    value = rates.get(spec.key)
    if spec.of:
        return spec.label, count, "" if value is None else spec.show.format(value)
    if value is None and spec.label == display.rows:
        value = speeds.rows
    return spec.label, count, _per_second(value or 0.0, 1 if spec.name == "games" else 0)


def _learned(status: Status, speeds: Speeds, display: Display, everything: bool) -> list[Row]:
    rates, losses = status.rates, status.losses
    rows = [
        ("updates", f"{status.steps:,}", _per_second(speeds.updates)),
        ("replay window", f"{status.window:,}", ""),
    ]
    if "reuse" in rates:
        rows.append(("reuse", "", f"{rates['reuse']:.1f}×"))
    if rates.get("lag"):
        rows.append(("weights behind", "", f"{rates['lag']:.2f} gen."))
    several = len({name.partition("/")[0] for name in losses}) > 1
    for name, value in losses.items():
        role, _, rest = name.partition("/")
        words = f"{display.players.get(role, role)} {rest}" if several else rest
        shown = display.balance is None or name != display.balance.metric
        if shown and (everything or "loss" in rest):
            rows.append((words.replace("_", " "), "", f"{value:.3f}"))
    return rows


def _per_second(rate: float, digits: int = 0) -> str:
    return f"{rate:,.{digits}f}/s" if rate else ""


def balance(share: float, of: Balance, width: int = 200) -> list[str]:
    """Who of two players is ahead, as a bar and a word, in one line or in two. share: of games that the one on the
    right wins."""
    word = "balanced"
    if abs(share - 0.5) > EVEN:
        word = f"{of.right if share > 0.5 else of.left} ahead"
    says = f"wins {share:.0%}: {word}"
    line = f"{of.left} {_bar(share, BALANCE_WIDTH)} {of.right} {says}"
    if cell_len(line) <= width:
        return [line]
    room = width - cell_len(f"{of.left}  {of.right}") - 2  # the ends of the bar
    return [f"{of.left} {_bar(share, max(1, min(BALANCE_WIDTH, room)))} {of.right}", f"{of.right} {says}"]


def drift(status: Status) -> list[str]:
    """What is watched for drift, and what was said of it last."""
    if not status.watched and not status.alarms:
        return []
    watched = f"{status.watched} stream{'s' * (status.watched != 1)} watched"
    alarms = f"{status.alarms} alarm{'s' * (status.alarms != 1)}" if status.alarms else "no alarm"
    return [f"drift{GAP}{alarms}{GAP}{watched}{GAP}{status.drifted}".rstrip()]


def _bar(share: float, width: int) -> str:
    filled = round(share * width)
    return f"▕{'█' * filled}{'░' * (width - filled)}▏"


def _curves(status: Status, display: Display, width: int) -> list[str]:
    """A line a curve: its title, bars, the newest and the best value; what has no room is left out from the right."""
    curves = evaluation.curves(status.history, WIDE, display)
    if not curves:
        return []
    best = max(cell_len(curve.best) for curve in curves)
    newest = max(cell_len(curve.newest) for curve in curves)
    titles = max(cell_len(curve.title) for curve in curves)
    beside = newest + len(GAP) + (len(GAP) + len("best ") + best if best else 0)
    if width - titles - beside - len(GAP) < NARROW:
        best, beside = 0, newest + len(GAP)
    titles = max(1, min(titles, width - beside - len(GAP) - NARROW))
    room = max(1, min(WIDE, width - titles - beside - len(GAP)))
    wide = min(room, max(len(curve.bars) for curve in curves))
    found = []
    for curve in evaluation.curves(status.history, room, display):
        line = f"{set_cell_size(curve.title, titles)}{GAP}{curve.bars:<{wide}}{GAP}{curve.newest:<{newest}}"
        found.append(line + (f"{GAP}best {curve.best}" if best and curve.best else ""))
    return found
