"""Concepts: a data set as it is, or changed in what its samples look like, how frequent its classes are, or how they
are called. Written as text, such as "turn:22.5" or "invert/prior:0+1:0.8".

    turn:DEGREES          points about the origin, images by quarters of a turn        covariate p(x)
    invert                −x: dark becomes light                                       covariate p(x)
    noise:SIGMA           normal noise on x                                            covariate p(x)
    only:C+C  without:C+C no others, or none of these classes                          label p(y)
    prior:C+C:SHARE       these classes have together this share of rows               label p(y)
    relabel:STEPS         class c is called c + STEPS, past the last one from 0 on     concept p(y|x)
    swap:C+C              these two classes exchange their names                       concept p(y|x)
    rule:NUMBER           of data made by rules, such as sea and stagger               concept p(y|x)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from selfplay.datasets.dataset import Dataset
from selfplay.errors import ConfigError, suggest

SAME = "same"
MOST_NOISE = 100.0


@runtime_checkable
class OfClasses(Dataset, Protocol):
    """A data set that can draw samples of given classes."""

    def of_classes(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x [n, *shape] float32 of the classes labels [n]."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Concept:
    """A `Dataset`: one that is drawn from, with changes."""

    text: str
    base: Dataset  # turned, inverted or under another rule, where the concept says so
    prior: np.ndarray | None = None  # [C] float64, adds up to 1: how frequent classes are; None: as they are in `base`
    renamed: np.ndarray | None = None  # [C] int64: what each class of `base` is called; None: as there
    noise: float = 0.0  # standard deviation

    @property
    def name(self) -> str:
        return f"{self.base.name} ({self.text})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def num_classes(self) -> int:
        return self.base.num_classes

    @property
    def frequencies(self) -> np.ndarray | None:
        """[C] float64: how frequent the classes are as they are called here; None: as they are in `base`."""
        if self.prior is None or self.renamed is None:
            return self.prior
        found = np.zeros_like(self.prior)
        found[self.renamed] = self.prior
        return found

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Dataset.sample`."""
        if self.prior is None:
            x, labels = self.base.sample(n, rng)
        else:
            assert isinstance(self.base, OfClasses)
            labels = rng.choice(self.num_classes, size=n, p=self.prior).astype(np.int64)
            x = self.base.of_classes(labels, rng)
        if self.noise:
            x = x + self.noise * rng.standard_normal(x.shape, dtype=np.float32)
            if len(self.shape) == 3:  # of images, ink is no darker than ink
                x = np.clip(x, -1, 1)
        if self.renamed is not None and labels is not None:
            labels = self.renamed[labels]
        return x, labels


def parse(text: str, base: Dataset) -> Concept:
    """The concept of a data set that `text` describes. Raises ConfigError."""
    concept = Concept(text.strip() or SAME, base)
    for change in concept.text.split("/"):
        word, _, rest = change.strip().partition(":")
        if word not in CHANGES:
            raise ConfigError(
                f"'{change}' in stream.concepts is no change of data.{suggest(word, CHANGES)} Known: "
                f"{', '.join(CHANGES)}."
            )
        concept = CHANGES[word](concept, change.strip(), rest)
    return concept


def only_prior(concept: Concept) -> bool:
    """Whether nothing but the frequencies of classes may differ from the data as they are."""
    return all(
        change.strip().partition(":")[0] in (SAME, "only", "without", "prior") for change in concept.text.split("/")
    )


def _number(change: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ConfigError(f"'{change}' in stream.concepts: expected a number from {low:g} to {high:g} after the colon.")
    return value


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _classes(concept: Concept, change: str, text: str) -> np.ndarray:
    """[C] bool: the classes that are named."""
    count, named = concept.num_classes, np.zeros(concept.num_classes, bool)
    for part in text.split("+"):
        if not (_is_whole(part.strip()) and int(part) < count):
            raise ConfigError(
                f"'{change}' in stream.concepts: '{part}' is no class of {concept.base.name}, whose classes are 0 to "
                f"{count - 1}; several are joined by +."
            )
        named[int(part)] = True
    return named


def _weighted(concept: Concept, change: str, weights: np.ndarray) -> Concept:
    """The concept with frequencies in proportion to `weights` [C]."""
    if not isinstance(concept.base, OfClasses):
        raise ConfigError(
            f"'{change}' in stream.concepts: classes of {concept.base.name} follow from its rule, so that none can be "
            "made more or less frequent."
        )
    if weights.sum() <= 0:
        raise ConfigError(f"'{change}' in stream.concepts leaves no class of {concept.base.name}.")
    return dataclasses.replace(concept, prior=weights / weights.sum())


def _prior(concept: Concept) -> np.ndarray:
    return np.ones(concept.num_classes) if concept.prior is None else concept.prior


def _same(concept: Concept, change: str, rest: str) -> Concept:
    return concept


def _only(concept: Concept, change: str, rest: str) -> Concept:
    return _weighted(concept, change, _prior(concept) * _classes(concept, change, rest))


def _without(concept: Concept, change: str, rest: str) -> Concept:
    return _weighted(concept, change, _prior(concept) * ~_classes(concept, change, rest))


def _share(concept: Concept, change: str, rest: str) -> Concept:
    classes, _, share = rest.partition(":")
    named, wanted, prior = _classes(concept, change, classes), _number(change, share, 0, 1), _prior(concept)
    inside, outside = prior[named].sum(), prior[~named].sum()
    if (inside <= 0 and wanted > 0) or (outside <= 0 and wanted < 1):
        raise ConfigError(f"'{change}' in stream.concepts: no class is left to have the share that is asked for.")
    weights = np.where(named, prior * wanted / max(inside, 1e-300), prior * (1 - wanted) / max(outside, 1e-300))
    return _weighted(concept, change, weights)


def _turn(concept: Concept, change: str, rest: str) -> Concept:
    return _changed(concept, change, "turned", _number(change, rest, -360, 360))


def _invert(concept: Concept, change: str, rest: str) -> Concept:
    return _changed(concept, change, "inverted")


def _rule(concept: Concept, change: str, rest: str) -> Concept:
    return _changed(concept, change, "under_rule", _number(change, rest, 1, 1000))


def _changed(concept: Concept, change: str, method: str, *arguments: float) -> Concept:
    make: Callable[..., Dataset] | None = getattr(concept.base, method, None)
    if make is None:
        raise ConfigError(f"'{change}' in stream.concepts has no meaning for {concept.base.name}.")
    try:
        return dataclasses.replace(concept, base=make(*arguments))
    except ValueError as error:
        raise ConfigError(f"'{change}' in stream.concepts: {error}.") from None


def _noise(concept: Concept, change: str, rest: str) -> Concept:
    sigma = _number(change, rest, 0, MOST_NOISE)
    return dataclasses.replace(concept, noise=math.hypot(concept.noise, sigma))


def _renamed(concept: Concept, names: np.ndarray) -> Concept:
    before = np.arange(concept.num_classes) if concept.renamed is None else concept.renamed
    return dataclasses.replace(concept, renamed=names[before])


def _relabel(concept: Concept, change: str, rest: str) -> Concept:
    if not _is_whole(rest.removeprefix("-")):
        raise ConfigError(f"'{change}' in stream.concepts: expected a whole number of steps, such as relabel:1.")
    return _renamed(concept, (np.arange(concept.num_classes) + int(rest)) % concept.num_classes)


def _swap(concept: Concept, change: str, rest: str) -> Concept:
    named = np.flatnonzero(_classes(concept, change, rest))
    if len(named) != 2:
        raise ConfigError(f"'{change}' in stream.concepts: expected two classes, such as swap:3+8.")
    names = np.arange(concept.num_classes)
    names[named] = named[::-1]
    return _renamed(concept, names)


CHANGES: dict[str, Callable[[Concept, str, str], Concept]] = {
    SAME: _same, "turn": _turn, "invert": _invert, "noise": _noise, "only": _only, "without": _without,
    "prior": _share, "relabel": _relabel, "swap": _swap, "rule": _rule,
}  # fmt: skip
