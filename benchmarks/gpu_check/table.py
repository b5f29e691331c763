"""The results as tables for people: Markdown, from what gpu_check.json holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CURVE = ("generation", "seconds", "rows", "accuracy", "raw_accuracy", "contested_accuracy", "mistakes")


def text(found: dict[str, Any]) -> str:
    """All parts that there are."""
    about = found["machine"]
    lines = [
        f"# GPU check of {found['started']}{', a dry run' if found['dry_run'] else ''}",
        "",
        f"{', '.join(about['gpus']) or 'no GPU'}; {about['cpu']}, {about['cores']} cores; Python {about['python']}; "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        "",
        f"Missing: {', '.join(found['missing']) or 'nothing'}.{' Cut off.' if found.get('cut_off') else ''}",
        "",
        *_rows(("part", "state", "seconds", "why"), [{"part": name, **part} for name, part in found["parts"].items()]),
    ]
    for name, part in found["parts"].items():
        lines += ["", f"## {name}", "", *_part(name, part["points"], found)]
    return "\n".join(lines)


def _part(name: str, points: list[dict[str, Any]], found: dict[str, Any]) -> list[str]:
    if name == "throughput":
        best = _best(found)
        shown = [point | {"share_of_ceiling": _share(point, best)} for point in points]
        return _rows(_columns(shown), shown)
    if name == "training":
        return _rows(CURVE, [point for point in points if "accuracy" in point])
    if name == "profile":
        lines: list[str] = []
        for point in points:
            busy = f", device busy {point['device_busy']:.0%}" if "device_busy" in point else ""
            lines += [f"{point['profile']}: {point['turns_per_second']:g} a second{busy}", ""]
            lines += [*_rows(("operator", "calls", "share"), point["operators"]), ""]
        return lines
    return _rows(_columns(points), points)


def _best(found: dict[str, Any]) -> dict[str, float]:
    """The fastest forward pass of each network in the number format that plays."""
    best: dict[str, float] = {}
    for point in found["parts"].get("ceiling", {}).get("points", []):
        if "evaluations_per_second" in point and point["form"] != "float32":
            best[point["network"]] = max(best.get(point["network"], 0.0), point["evaluations_per_second"])
    return best


def _share(point: dict[str, Any], best: dict[str, float]) -> str:
    if "evaluations_per_second" not in point or point.get("network") not in best:
        return ""
    return f"{point['evaluations_per_second'] / best[point['network']]:.0%}"


def _columns(rows: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _rows(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> list[str]:
    """A table; what a row lacks is empty."""
    columns = list(columns)
    listed = [[_cell(row.get(column, "")) for column in columns] for row in rows]
    if not listed:
        return ["Nothing was measured."]
    lines = [columns, ["---"] * len(columns), *listed]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cell(value: Any) -> str:
    shown = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1e4 else value
    shown = f"{value:,.0f}" if isinstance(value, float) and abs(value) >= 1e4 else shown
    return " ".join(str(shown).replace("|", "/").split())[:200]
