"""How the numbers of an AlphaZero run are shown: strength against exact play and against opponents, and speeds."""

from __future__ import annotations

from typing import Literal

from selfplay.display import Display, Metrics, MetricSpec, RateSpec

POINTS = "score_"  # and the opponent's name: points a game against it
FIRST = "first"  # the opponent that is the run's first generation


def sentence(metrics: Metrics) -> str:
    found = "; ".join(phrase for phrase in (_exactness(metrics), _endgames(metrics), _points(metrics)) if phrase)
    return f"{found}, at {metrics['simulations']:.0f} simulations" if found and "simulations" in metrics else found


def headline(metrics: Metrics) -> str:
    """Accuracy, else points against the hardest opponent."""
    if "accuracy" in metrics:
        return f"{metrics['accuracy']:.2%} accuracy"
    scores = {name: value for name, value in metrics.items() if name.startswith(POINTS)}
    if not scores:
        return ""
    hardest = min(scores, key=scores.__getitem__)
    return f"{scores[hardest]:.2%} points against {_opponent(hardest)}"


def _exactness(metrics: Metrics) -> str:
    if "accuracy" not in metrics:
        return ""
    stages = [f"{name.removeprefix('accuracy_')} {value:.1%}" for name, value in metrics.items() if "accuracy_" in name]
    by_stage = f" ({', '.join(stages)})" if stages else ""
    raw, contested = (metrics.get(name, 0) for name in ("raw_accuracy", "contested_accuracy"))
    return (
        f"{metrics.get('mistakes', 0):.0f} mistakes in {metrics.get('positions', 0):,.0f} positions against exact play "
        f"— accuracy {metrics['accuracy']:.2%}{by_stage}, where a wrong move exists {contested:.1%}, "
        f"policy alone {raw:.1%}"
    )


def _endgames(metrics: Metrics) -> str:
    if "endgame_mistakes" not in metrics:
        return ""
    prefix = "endgame_mistakes_"
    tables = [f"{name.removeprefix(prefix)} {value:.0%}" for name, value in metrics.items() if name.startswith(prefix)]
    return (
        f"endgame mistakes {metrics['endgame_mistakes']:.1%} ({', '.join(tables)}) in "
        f"{metrics.get('endgame_positions', 0):,.0f} positions that have a wrong move"
    )


def _points(metrics: Metrics) -> str:
    played = [f"{value:.0%} against {_opponent(name)}" for name, value in metrics.items() if name.startswith(POINTS)]
    return f"points {', '.join(played)}, in {metrics.get('games', 0):.0f} games each" if played else ""


def _opponent(name: str) -> str:
    name = name.removeprefix(POINTS)
    return "the first generation" if name == FIRST else name


def _neither(name: str, label: str, kind: Literal["share", "number"] = "number", unit: str = "") -> MetricSpec:
    return MetricSpec(name, label, kind, "neither", unit)


FIGURES = {
    "games and outcomes": (
        _neither("rate/first_wins", "won by the first player", "share"), _neither("rate/draws", "drawn", "share"),
        _neither("rate/adjudicated", "adjudicated", "share"), _neither("drift/games", "games a generation"),
        _neither("drift/length", "length of games", unit="plies"),
        _neither("drift/sure", "games that the search was sure of", "share"),
        _neither("drift/wrong", "of them won by the other side", "share"),
    ),
    "openings": (
        _neither("drift/opening_lines", "opening lines of 4 plies that differ", "share"),
        _neither("drift/opening_most", "share of the most frequent line", "share"),
        _neither("drift/opening_stability", "population stability index of starts"),
        _neither("drift/duplicates", "games that are there twice", "share"),
    ),
    "values and policies": (
        _neither("drift/value_error", "squared error of the value"),
        _neither("drift/value_error_*", "squared error of the value, {} third of games"),
        MetricSpec("drift/value_skill", "share of the error of saying 0 that is gone"),
        _neither("drift/value_spread", "spread of values on fixed positions"),
        _neither("drift/swing", "change of the value from one ply to the next"),
        _neither("drift/policy_entropy", "entropy of the policy", unit="nats"),
        _neither("drift/policy_churn", "change of the policy on fixed positions", unit="nats"),
    ),
    "weights": (
        _neither("drift/dead_units", "units that are never active", "share"),
        _neither("drift/effective_rank", "effective rank of features"),
        _neither("drift/weight_norm", "norm of the weights"),
    ),
}  # fmt: skip
DISPLAY = Display(
    rows="positions",
    counts_games=True,
    metrics=(
        MetricSpec("accuracy", "accuracy", "share", counted="positions"),
        MetricSpec("raw_accuracy", "accuracy of the policy alone", "share", counted="positions"),
        MetricSpec("contested_accuracy", "accuracy where a wrong move exists", "share", counted="contested"),
        MetricSpec("*accuracy*", kind="share"),
        MetricSpec("endgame_mistakes", "endgame mistakes", "share", "lower", counted="endgame_positions"),
        MetricSpec("endgame_mistakes_*", "endgame mistakes in {}", "share", "lower"),
        MetricSpec(f"{POINTS}{FIRST}", "points against the first generation", "share", counted="games"),
        MetricSpec(f"{POINTS}*", "points against {}", "share", counted="games"),
        MetricSpec("*"),
    ),
    rates=(
        RateSpec("games", label="games"),
        RateSpec("positions", label="positions"),
        RateSpec("evaluations", label="evaluations"),
        RateSpec("batch", "evaluations", "batches", "mean batch"),
        RateSpec("cache_hits", "cache_hits", "cache_lookups", "cache hits", "{:.0%}"),
        RateSpec("cache_merged", "cache_merged", "cache_lookups"),
        RateSpec("plies", "game_plies", "games", "plies a game"),
        RateSpec("exact", "exact", "moves", "proven moves", "{:.0%}"),
        RateSpec("draws", "draws", "games"),
        RateSpec("first_wins", "first_wins", "games"),
        RateSpec("adjudicated", "adjudicated", "games"),
        RateSpec("ended_proven", "ended_proven", "games", optional=True),
        RateSpec("reanalysed", "reanalysed", "positions", optional=True),
        RateSpec("int8_accepted", "int8_accepted", "int8_networks", optional=True),
        RateSpec("int8_value_error", "int8_value_error", "int8_networks", optional=True),
        RateSpec("int8_policy_error", "int8_policy_error", "int8_networks", optional=True),
        RateSpec("int8_worse", "int8_worse", "int8_networks", optional=True),
        RateSpec("int8_better", "int8_better", "int8_networks", optional=True),
        RateSpec("server_batch", "server_batch", "server_requests", optional=True),
        RateSpec("server_queue", "server_queue", "server_requests", optional=True),
        RateSpec("server_queued", "server_queued", "server_requests", optional=True),
        RateSpec("server_waited", "server_waited", "server_requests", optional=True),
        RateSpec("server_lost", optional=True),
    ),
    figures=FIGURES,
    curves=(("accuracy",), (f"{POINTS}*",)),
    sentence=sentence,
    headline=headline,
)
