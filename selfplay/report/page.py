"""A run's health as one HTML page that needs nothing else: no network, no scripts, pictures inside it.

Whatever a run's files say is text to be escaped: the template escapes all that it is given, and the page's own policy
(Content-Security-Policy) forbids scripts and everything from elsewhere besides. Pictures are SVG, laid out by `chart`.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from selfplay import __version__
from selfplay.display import RateSpec
from selfplay.drift.events import NUMBERS, WORDS
from selfplay.errors import UserError
from selfplay.report import chart
from selfplay.report.chart import Chart, Mark, Series
from selfplay.report.drift_record import Figure, StreamRecord, values
from selfplay.report.health import LISTED, Health
from selfplay.storage import artifact, bounded

TEMPLATE = "page.html"
PICTURES, PICTURE = 400_000, 250_000  # bytes of a run's own pictures that are taken in: all, and each
LONG = 2000  # characters of one text of a run's files
EVENTS = 50  # alarms and actions that are listed
RATES = {"reuse": "times that a row is drawn", "lag": "generations that weights of actors are behind"}


class Group(NamedTuple):
    """Charts under a heading."""

    heading: str
    charts: list[Chart]


def write(health: Health, path: Path) -> None:
    """Writes the page, whole or not at all. Raises UserError where something else than a page is there, OSError."""
    if path.exists() and not bounded.read(path)[:15].lower().startswith(b"<!doctype html>"):
        raise UserError(f"'{path}' is there and is no HTML page: name another file.")
    artifact.replace_file(path, html(health).encode("utf-8", "replace"))


def html(health: Health) -> str:
    """The page."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_text,
    )  # fmt: skip
    environment.filters |= {"duration": _duration, "size": _size}
    return environment.get_template(TEMPLATE).render(
        health=health, files=health.files, drift=health.drift, width=chart.WIDTH, height=chart.HEIGHT,
        frame=(chart.LEFT, chart.TOP, chart.WIDTH - chart.RIGHT, chart.HEIGHT - chart.BOTTOM),
        strength=_strength(health), throughput=_throughput(health), losses=_losses(health),
        streams=[(one, _stream(one)) for one in health.drift.streams], figures=_figures(health.drift.figures),
        pictures=_pictures(health.files.folder), version=__version__, made=time.strftime("%Y-%m-%d %H:%M %z"),
        about=_flat(health.files.about), evaluations=_spread(health.evaluations),
        checkpoints=_spread(health.checkpoints), events=_events(health),
    )  # fmt: skip


def _text(value: object) -> object:
    """What the template is given, as it is shown: control characters visible, and no text without an end. The
    template's own markup passes unchanged."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    shown = "".join(one if one.isprintable() or one == "\n" else "�" for one in value)
    return shown if len(shown) <= LONG else shown[:LONG] + "…"


# -- charts ----------------------------------------------------------------------------------------------------


def _charts(found: Iterable[Chart | None]) -> list[Chart]:
    return [one for one in found if one is not None]


def _strength(health: Health) -> list[Chart]:
    return _charts(
        chart.make(one.spec.title(one.name), [Series("", one.values, one.intervals)], unit=one.spec.unit,
                   kind="share" if one.spec.kind == "share" else "number", log=one.spec.kind == "distance")
        for one in health.strength
    )  # fmt: skip


def _throughput(health: Health) -> list[Chart]:
    lines, specs = health.files.lines, {f"rate/{spec.key}": spec for spec in health.files.display.rates}
    shown = {figure.name for figure in health.drift.figures}
    names = [name for line in lines[-1:] for name in line if name.startswith("rate/") and name not in shown]
    found = [chart.make("learning rate", [Series("", values(lines, "learning_rate"))])]
    for name in names:
        rest = name.removeprefix("rate/")
        spec = specs.get(name) or RateSpec(rest)
        title = RATES.get(rest) or spec.label or spec.name.replace("_", " ")
        unit = "a second" if name.endswith("/s") else ""
        kind: chart.Kind = "share" if "%" in spec.show else "number"
        found.append(chart.make(title, [Series("", values(lines, name))], unit=unit, kind=kind))
    return _charts([*found[1:], found[0]])


def _losses(health: Health) -> list[Chart]:
    lines, players = health.files.lines, health.files.display.players
    names = list(dict.fromkeys(name for line in lines for name in line if name.startswith("loss/")))
    roles = {name.split("/")[1] for name in names}
    found = []
    for name in names:
        role, _, rest = name.removeprefix("loss/").partition("/")
        title = f"{players.get(role, role)}: {rest or role}" if len(roles) > 1 else rest or role
        found.append(chart.make(title.replace("_", " "), [Series("", values(lines, name))]))
    return _charts(found)


def _stream(one: StreamRecord) -> Chart | None:
    marks = [Mark(event["step"], "alarm", _marked(event, "alarm")) for event in one.alarms]
    marks += [Mark(event["step"], "action", _marked(event, "action")) for event in one.actions]
    shown, limit = one.values, one.threshold
    if one.is_test:
        shown = [(at, 10 ** min(max(value, -100.0), 100.0)) for at, value in one.values]
    unit = "e-value" if one.is_test else one.described.measure
    return chart.make(
        one.described.name.replace("_", " "), [Series("", shown)], unit=unit, limit=limit, marks=marks, log=one.is_test
    )


def _marked(event: dict[str, Any], otherwise: str) -> str:
    words = str(event.get("action") or event.get("part") or otherwise)
    return f"generation {event['step']}: {words}"


def _figures(figures: Sequence[Figure]) -> list[Group]:
    groups: dict[str, list[Chart | None]] = {}
    for one in figures:
        made = chart.make(one.title, [Series("", one.values)], unit=one.spec.unit,
                          kind="share" if one.spec.kind == "share" else "number")  # fmt: skip
        groups.setdefault(one.heading, []).append(made)
    return [Group(heading, _charts(found)) for heading, found in groups.items()]


# -- tables ----------------------------------------------------------------------------------------------------


def _events(health: Health) -> list[dict[str, Any]]:
    events = sorted((*health.drift.alarms, *health.drift.actions), key=lambda event: event["step"])
    return [{name: event.get(name) for name in ("step", *WORDS, *NUMBERS)} for event in events[:EVENTS]]


def _spread(rows: Sequence[Any]) -> list[Any]:
    """At most LISTED of them, evenly spaced, the first and the last among them."""
    if len(rows) <= LISTED:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (LISTED - 1))] for place in range(LISTED)]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in list(values.items())[:100]:
        name = f"{prefix}{key}"
        pairs += _flat(value, f"{name} ") if isinstance(value, dict) and not prefix else [(name, f"{value}")]
    return pairs


def _pictures(folder: Path) -> list[tuple[str, str]]:
    """(name, data) of the PNG files that a family has drawn of what it made; the plot of evaluations is drawn anew."""
    found, left = [], PICTURES
    for path in sorted(folder.glob("*.png")):
        try:
            data = bounded.read(path, PICTURE)
        except OSError:
            continue
        if path.name != "evaluation.png" and data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) * 4 // 3 <= left:
            left -= len(data) * 4 // 3
            found.append((path.stem, base64.b64encode(data).decode()))
    return found


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds) or not 0 <= seconds < 1e10:
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _size(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
