"""How the numbers of a generator and its critic are shown: modes, quality, distances, and who is ahead."""

from __future__ import annotations

from collections.abc import Callable

from selfplay.display import Balance, Display, Metrics, MetricSpec, RateSpec, number

WINS = "discriminator/wins"  # the loss that holds the critic's share of wins
Phrase = Callable[[Metrics], str]  # empty where the metrics do not have it


def _share(name: str, phrase: str) -> Phrase:
    return lambda metrics: f"{metrics[name]:.1%} {phrase}" if name in metrics else ""


def _distance(name: str, phrase: str) -> Phrase:
    def shown(metrics: Metrics) -> str:
        if name not in metrics:
            return ""
        floor = metrics.get(f"{name}_floor")
        beside = "" if floor is None else f" (floor {number(floor)})"
        return f"{phrase} {number(metrics[name])}{beside}"

    return shown


def _modes(metrics: Metrics) -> str:
    if "modes_found" not in metrics:
        return ""
    there = metrics.get("modes_there") or 0
    return f"{metrics['modes_found']:,.0f}{f' of {there:,.0f}' if there else ''} modes"


def _width(metrics: Metrics) -> str:
    return f"modes {metrics['spread']:.2f} × as wide as they should be" if metrics.get("spread") else ""


def _frechet(metrics: Metrics) -> str:
    if "frechet_ratio" in metrics:
        return f"Fréchet distance {metrics['frechet_ratio']:.1f} × its floor"
    return _distance("frechet", "Fréchet distance")(metrics)


def _critic(metrics: Metrics) -> str:
    return f"critic's AUC on held-out data {metrics['auc']:.3f}" if "auc" in metrics else ""


HEADLINES: tuple[Phrase, ...] = (
    _share("as_asked", "read as asked"), _modes, _share("high_quality", "high quality"), _share("legal", "legal"),
    _frechet, _share("coverage", "coverage"),
)  # fmt: skip
PHRASES: tuple[Phrase, ...] = (
    _share("as_asked", "read as asked"), _modes, _share("high_quality", "high quality"), _share("legal", "legal"),
    _distance("kl", "KL"), _width, _frechet, _share("coverage", "coverage"), _critic,
    _distance("code_nmi", "NMI of codes and classes"), _distance("signal_to_noise", "signal to noise in dB"),
    _distance("reconstruction_error", "reconstruction error"), _distance("elbo", "evidence lower bound"),
)  # fmt: skip


def _phrases(metrics: Metrics, phrases: tuple[Phrase, ...]) -> list[str]:
    return [phrase for of in phrases if (phrase := of(metrics))]


DISPLAY = Display(
    rows="samples",
    metrics=(
        MetricSpec("as_asked", "read as asked", "share"),
        MetricSpec("modes_found", "modes"),
        MetricSpec("high_quality", "high quality", "share"),
        MetricSpec("legal", "legal", "share"),
        MetricSpec("kl", "KL", "distance", "lower"),
        MetricSpec("spread", "width of modes", "ratio", "neither"),
        MetricSpec("frechet_ratio", "Fréchet / floor", "distance", "lower"),
        MetricSpec("coverage", "coverage", "share"),
        MetricSpec("auc", "AUC, held out", "share", "neither"),
        # Not plotted, though they may be below 1.
        *(MetricSpec(name) for name in ("*_floor", "*_error", "*_[0-9]*", "frechet*", "kernel", "nearest_ratio")),
        MetricSpec("density"),
    ),
    rates=(RateSpec("games"), RateSpec("fakes", label="fakes of the past")),
    figures={"data": (MetricSpec("drift/reals_distance", "how far real samples moved, at most", "share", "neither"),)},
    curves=(("as_asked", "modes_found", "high_quality", "legal", "kl", "spread", "frechet_ratio", "coverage", "auc"),),
    balance=Balance(WINS, "generator", "critic"),
    players={"discriminator": "critic"},
    sentence=lambda metrics: ", ".join(_phrases(metrics, PHRASES)),
    headline=lambda metrics: ", ".join(_phrases(metrics, HEADLINES)[:2]),
)
