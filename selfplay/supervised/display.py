"""How the numbers of a classifier on a stream are shown."""

from __future__ import annotations

from selfplay.display import Display, Metrics, MetricSpec


def _accuracy(metrics: Metrics) -> str:
    return f"{metrics['accuracy']:.1%} of held-out rows right" if "accuracy" in metrics else ""


def _sentence(metrics: Metrics) -> str:
    others = [
        f"{metrics[name]:.1%} under concept {name.rpartition('_')[2]}"
        for name in metrics
        if name.startswith("accuracy_")
    ]
    return ", ".join([_accuracy(metrics), *others]) if "accuracy" in metrics else ""


DISPLAY = Display(
    rows="rows",
    metrics=(
        MetricSpec("accuracy", "accuracy", "share"),
        MetricSpec("accuracy_*", "accuracy under concept {}", "share"),
        MetricSpec("log_loss", "log loss", "distance", "lower"),
    ),
    curves=(("accuracy", "accuracy_*"),),
    sentence=_sentence,
    headline=_accuracy,
)
