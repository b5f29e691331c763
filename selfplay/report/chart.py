"""Charts of values by generation, laid out for a page to draw as SVG: lines, intervals, limits, marks and ticks in the
coordinates of one picture.

Knows numbers and texts; how they look is the page's style, so that they follow its light and dark colours. Ticks are
matplotlib's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from selfplay.report.drift_record import Values

WIDTH, HEIGHT = 340, 180
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 26  # of the plot, from the edges
MOST = 400  # points of a line; of each stretch of a longer one its lowest and highest are drawn
MARKS = 30  # of one kind; more are told of in a sentence
DECADES = 2.0  # positive values that span so many have a logarithmic axis
SMALLEST, LARGEST = 1e-100, 1e100  # numbers that are drawn

Kind = Literal["number", "share"]


class Series(NamedTuple):
    """A line, and where its values have them their intervals."""

    name: str
    values: Values
    intervals: dict[int, tuple[float, float]] = {}  # by generation


class Mark(NamedTuple):
    """Something that happened in a generation."""

    generation: int
    kind: Literal["alarm", "action"]
    text: str


class Line(NamedTuple):
    """A series in the picture."""

    name: str
    newest: str
    points: str  # as of an SVG polyline
    dots: list[tuple[float, float, str]]  # x, y and what it is of; none where there are very many
    bars: list[tuple[float, float, float]]  # of intervals: x and both ends


class Chart(NamedTuple):
    """All that is drawn."""

    title: str
    lines: list[Line]
    limit: tuple[float, str] | None  # y and where it lies
    marks: list[tuple[float, str, str]]  # x, kind, text
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    unit: str
    is_log: bool
    summary: str  # as a sentence, for who cannot see it


def make(
    title: str, series: Sequence[Series], *, unit: str = "", kind: Kind = "number", limit: float | None = None,
    marks: Sequence[Mark] = (), log: bool = False,
) -> Chart | None:  # fmt: skip
    """A chart; None where no series has a value. limit: a line across it. log: a logarithmic axis also of values that
    lie close to each other."""
    series = [one._replace(values=[(at, _drawn(value)) for at, value in one.values]) for one in series if one.values]
    if not series:
        return None
    heights = [value for one in series for _, value in one.values]
    heights += [_drawn(end) for one in series for ends in one.intervals.values() for end in ends]
    heights += [] if limit is None else [_drawn(limit)]
    is_log = min(heights) > 0 and (log or math.log10(max(heights)) - math.log10(min(heights)) >= DECADES)
    ats = [at for one in series for at, _ in one.values] + [mark.generation for mark in marks]
    x_of = _scale(min(ats), max(ats), LEFT, WIDTH - RIGHT)
    low, high = (math.log10(each(heights)) if is_log else each(heights) for each in (min, max))
    room = (high - low) * 0.06 or max(abs(high) * 0.1, 0.05 if kind == "share" else 1e-6)
    place = _scale(low - room, high + room, HEIGHT - BOTTOM, TOP)

    def y_of(value: float) -> float:
        return place(math.log10(value) if is_log else value)

    shown = _as_share if kind == "share" else _as_number
    lines = [_line(one, x_of, y_of, shown) for one in series]
    level = None if limit is None else (y_of(_drawn(limit)), f"limit {shown(limit)}")
    drawn = [(x_of(mark.generation), str(mark.kind), mark.text) for mark in _merged(marks)]
    newest = ", ".join(f"{line.name or title} {line.newest}" for line in lines)
    summary = f"{title}, generations {min(ats)} to {max(ats)}; newest: {newest}" + (f" {unit}" if unit else "") + "."
    return Chart(title, lines, level, drawn, _x_ticks(min(ats), max(ats), x_of),
                 _y_ticks(low - room, high + room, is_log, y_of, shown), unit, is_log, summary)  # fmt: skip


def _drawn(value: float) -> float:
    """A number that can be drawn for this one."""
    size = min(abs(value), LARGEST)
    return math.copysign(size if size > SMALLEST else 0.0, value) if value else 0.0


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """Maps [low, high] to [begin, end]; a single value to the middle."""
    if not high > low:
        return lambda value: round((begin + end) / 2, 1)
    return lambda value: round(begin + (end - begin) * ((value / 2 - low / 2) / (high / 2 - low / 2)), 1)


def _line(
    one: Series, x_of: Callable[[float], float], y_of: Callable[[float], float], shown: Callable[[float], str]
) -> Line:
    kept = _thinned(one.values)
    places = [(x_of(at), y_of(value)) for at, value in kept]
    dots = [(x, y, f"generation {at}: {shown(value)}") for (x, y), (at, value) in zip(places, kept, strict=True)]
    bars = [
        (x_of(at), y_of(_drawn(low)), y_of(_drawn(high)))
        for at, (low, high) in one.intervals.items()
        if at in dict(kept)
    ]
    points = " ".join(f"{x:g},{y:g}" for x, y in places)
    return Line(one.name, shown(one.values[-1][1]), points, dots if len(dots) <= 60 else [], bars)


def _thinned(values: Values) -> Values:
    """At most MOST values: of each stretch the lowest and the highest, in their order, so that peaks stay."""
    if len(values) <= MOST:
        return values
    kept: Values = []
    edges = [len(values) * place // (MOST // 2) for place in range(MOST // 2 + 1)]
    for begin, end in itertools.pairwise(edges):
        stretch = values[begin:end]
        ends = {min(stretch, key=lambda pair: pair[1]), max(stretch, key=lambda pair: pair[1])}
        kept += sorted(ends)
    return kept


def _merged(marks: Iterable[Mark]) -> list[Mark]:
    """One a generation and kind, the first MARKS of a kind."""
    texts: dict[tuple[int, Literal["alarm", "action"]], list[str]] = {}
    for mark in marks:
        texts.setdefault((mark.generation, mark.kind), []).append(mark.text)
    found = [Mark(at, kind, "; ".join(dict.fromkeys(each))) for (at, kind), each in sorted(texts.items())]
    return [mark for kind in ("alarm", "action") for mark in [one for one in found if one.kind == kind][:MARKS]]


def _x_ticks(first: int, last: int, x_of: Callable[[float], float]) -> list[tuple[float, str]]:
    from matplotlib.ticker import MaxNLocator

    if first == last:
        return [(x_of(first), str(first))]
    ticks = MaxNLocator(nbins=6, integer=True).tick_values(first, last)
    return [(x_of(at), f"{at:.0f}") for at in ticks if first <= at <= last]


def _y_ticks(
    low: float, high: float, is_log: bool, y_of: Callable[[float], float], shown: Callable[[float], str]
) -> list[tuple[float, str]]:
    """low, high: of the axis, exponents where it is logarithmic."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=5, integer=is_log and high - low > 2).tick_values(low, high)
    inside = [float(at) for at in ticks if low <= at <= high]
    heights = [10**at if is_log else at for at in inside]
    return [(y_of(height), shown(height)) for height in heights]


def _as_share(value: float) -> str:
    return f"{100 * value:.3g} %"


def _as_number(value: float) -> str:
    if value and not 1e-4 <= abs(value) < 1e5:
        return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e").replace(".0e", "e")
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
