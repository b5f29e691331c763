"""Alarms: early signs that a run is collapsing, each with what was seen, what it means and what to try, in a sentence.

Nothing here looks at the level of the critic's scores: a constant added to them changes no relativistic or Wasserstein
loss, so that the old signs, a critic's loss near 0 or D(x) far from a half, say nothing. Shares of wins, gradients and
what was measured of the samples do. Thresholds lie between healthy rings and runs made to collapse, with room on both
sides. Knows what a run reports, not its networks or data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from selfplay.display import SECONDS
from selfplay.gan.display import WINS
from selfplay.types import Status

SLOPE = "discriminator/slope_on_reals"
GRADIENTS = {"critic": "discriminator/gradient_norm", "generator": "generator/gradient_norm"}

WON = 0.99  # share of pairs that a critic tells apart when nothing is left of the game; healthy: 0.5 to 0.9
VANISHED = 1e-3  # norm of the generator's gradient; healthy: 0.1 to 10, collapsed: 0 to 1e-9
EXPLODING = 100.0  # norm of a gradient, mean of a generation (Chintala's list of hacks, 10)
EVEN = 0.05  # above a half: a critic that tells no more apart than this sees next to nothing
FLAT = 0.01  # squared slope on reals, of data scaled to 1: scores a tenth apart across the data, so that σ(0.1) = 52 %
POOR = 0.5  # share of good samples, below which no critic with eyes is even
YOUNG = 0.1  # of the run: before that, samples are poor in any run
FOUND_BY = 1 / 3  # of the run: by then healthy runs have all their modes, and of those no more than a few repeat
FEW = 0.5  # of the modes
MEASURED = 3  # times at least, before modes are said to be missing or lost
FALLEN = 0.1  # of all modes lost against the best measurement, and more than one, twice in a row
SHRUNK = 0.3  # width of modes over the true one; healthy: 0.4 at the least, in mid-run, 0.6 at the end
REPEATING = 0.05  # different fakes for each real one: one in twenty; healthy: 0.08 at the least, in mid-run on a grid
COPIES = 0.1  # share of fakes nearer to training data than 99 % of held-out data are: ten times chance


class Seen(NamedTuple):
    """What the rules look at, at the end of a generation."""

    generation: int
    progress: float  # share of the run's budget used, in [0, 1]
    losses: Mapping[str, float]  # means over the generation
    metrics: Mapping[str, float]  # of this generation; none where it was not evaluated
    modes: list[tuple[float, float]]  # (found, share found) of each evaluation so far; none where this has none
    quality: float | None  # the first metric, where it is a share
    distinct: list[float]  # of each evaluation so far, see metrics/distinct.py
    critic: bool = True  # whether there is one to learn against
    changing: bool = False  # whether the data are a stream's, so that modes may go

    @property
    def wins(self) -> float:
        return self.losses.get(WINS, 0.5)


def sound(status: Status, critic: bool = True, changing: bool = False) -> dict[str, str]:
    """Sentences by the names of the alarms that there is cause for at the end of this generation. critic: whether the
    generator learns against one. changing: whether the data are a stream's."""
    seen = look(status)._replace(critic=critic, changing=changing)
    return {name: sentence for name, rule in RULES.items() if (sentence := rule(seen))}


def look(status: Status) -> Seen:
    fresh = bool(status.history) and status.history[-1][0] == status.generation
    metrics = {name: value for name, value in status.metrics.items() if fresh and name != SECONDS}
    first = next(iter(metrics.values()), None)
    history = [metrics for generation, metrics in status.history if fresh and generation > 0]
    modes = [(metrics["modes_found"], metrics["modes"]) for metrics in history if "modes_found" in metrics]
    quality = first if first is not None and 0 <= first <= 1 else None
    distinct = [metrics["distinct"] for metrics in history if "distinct" in metrics]
    return Seen(status.generation, status.progress, status.losses, metrics, modes, quality, distinct)


def _try(seen: Seen, against_critic: str) -> str:
    """What to try, as a sentence: settings of an autoencoder where there is no critic."""
    without = "a larger network.width or network.latent, or a smaller autoencoder.beta"
    return f"Try {against_critic if seen.critic else without}."


def vanished(seen: Seen) -> str:
    norm = seen.losses.get(GRADIENTS["generator"], 1.0)
    if seen.wins < WON or norm >= VANISHED:
        return ""
    return (
        f"the critic tells {seen.wins:.1%} of pairs apart and the generator's gradient has vanished (norm {norm:.1g}): "
        "it no longer learns. Try objective.loss=rpgan with objective.r1 and r2 at 0.1 or more, or a smaller "
        "learner.learning_rate."
    )


def lost(seen: Seen) -> str:
    if seen.wins < WON or seen.progress < FOUND_BY or vanished(seen):
        return ""
    return (
        f"with {seen.progress:.0%} of the run done the critic tells {seen.wins:.1%} of pairs apart: the generator does "
        "not follow. Try objective.r1 and r2 ten times as large, or a smaller learner.learning_rate."
    )


def exploding(seen: Seen) -> str:
    norms = {role: seen.losses.get(name, 0.0) for role, name in GRADIENTS.items()}
    role = max(norms, key=norms.__getitem__)
    if norms[role] <= EXPLODING:
        return ""
    return (
        f"the {role}'s gradient has a norm of {norms[role]:,.0f} on average, where 10 is much: its steps go astray. "
        "Try a smaller learner.learning_rate, larger objective.r1 and r2, or learner.max_gradient_norm=10."
    )


def blind(seen: Seen) -> str:
    slope = seen.losses.get(SLOPE, 1.0)
    poor = seen.quality is not None and seen.quality < POOR
    if seen.wins > 0.5 + EVEN or slope >= FLAT or not poor or seen.progress < YOUNG:
        return ""
    return (
        f"the critic wins {seen.wins:.1%} of pairs, as by lot, and its scores hardly vary (squared slope {slope:.1g}), "
        f"though only {seen.quality:.0%} of the samples are good: it is blind, and the generator learns nothing. "
        "Try objective.r1 and r2 ten times as small, or a larger learner.learning_rate."
    )


def never_found(seen: Seen) -> str:
    if len(seen.modes) < MEASURED or seen.progress < FOUND_BY:
        return ""
    found, share = max(seen.modes, key=lambda entry: entry[1])
    if share >= FEW:
        return ""
    return (
        f"with {seen.progress:.0%} of the run done {found:,.0f} modes ({share:.0%}) were found at most, and runs that "
        "end well have nearly all by then. "
        + _try(seen, "objective.loss=rpgan with objective.r1 and r2 at 0.1 or more, or another learner.learning_rate")
    )


def falling(seen: Seen) -> str:
    if len(seen.modes) < MEASURED or seen.changing:
        return ""
    (best, share), (now, _) = max(seen.modes, key=lambda entry: entry[1]), seen.modes[-1]
    lost_modes = max(1.0, FALLEN * best / share) if share else 0.0
    if not share or any(best - found <= lost_modes for found, _ in seen.modes[-2:]):
        return ""
    return f"modes fell from {best:,.0f} to {now:,.0f}: the generator forgets what it could. " + _try(
        seen,
        "objective.past_fakes=0.5, which shows the critic old fakes too, larger objective.r1 and r2, or a "
        "smaller learner.learning_rate",
    )


def shrunk(seen: Seen) -> str:
    spread = seen.metrics.get("spread", 0.0)
    if not 0 < spread < SHRUNK or seen.progress < YOUNG:
        return ""
    return (
        f"modes are {spread:.2f} × as wide as they should be: they shrink to points, which a count of modes does not "
        "see. "
        + _try(
            seen, "a larger objective.final_penalty, a smaller learner.final_learning_rate, or another network.latent"
        )
    )


def repeating(seen: Seen) -> str:
    share = max(seen.distinct[-2:], default=1.0)  # healthy runs may repeat themselves in passing: told twice in a row
    if share >= REPEATING or seen.progress < FOUND_BY:
        return ""
    return (
        f"two samples are alike {1 / share:,.0f} times as often as two reals (birthday test): the generator makes few "
        "different ones. "
        + _try(seen, "larger objective.r1 and r2, objective.past_fakes=0.5, or a larger network.latent")
    )


def memorised(seen: Seen) -> str:
    copies = seen.metrics.get("copies", 0.0)
    if copies <= COPIES:
        return ""
    return (
        f"{copies:.0%} of the samples lie nearer to training data than 99 % of held-out data do, where 1 % would by "
        "chance: they may be copies. Try more data, a smaller network.width, or fewer generations."
    )


RULES: dict[str, Callable[[Seen], str]] = {
    rule.__name__: rule
    for rule in (vanished, lost, exploding, blind, never_found, falling, shrunk, repeating, memorised)
}
