"""The data sets that need no file, by the name that streams are made of: "stream:digits" is a stream of "digits"."""

from __future__ import annotations

from typing import Literal, cast, get_args

from selfplay.datasets import image_sets, mixtures, tables
from selfplay.datasets.dataset import Dataset
from selfplay.errors import ConfigError, suggest

Packaged = Literal["ring", "grid", "digits", "stacked-digits", "iris", "wine", "breast-cancer", "sea", "stagger"]


def make(name: str, held_out: bool = False) -> Dataset:
    """The data set called `name`, or its held-out part; of those that never run out, which mixtures and rules are, both
    are the same. Raises ConfigError, and DataError if scikit-learn is missing."""
    if name == "ring":
        return mixtures.ring()
    if name == "grid":
        return mixtures.grid()
    if name == "digits":
        return image_sets.digits(held_out)
    if name == "stacked-digits":
        return image_sets.stacked_digits(held_out)
    if name in get_args(tables.PackagedTable):
        return tables.packaged(cast(tables.PackagedTable, name), held_out)
    if name == "sea":
        return tables.Sea()
    if name == "stagger":
        return tables.Stagger()
    known = get_args(Packaged)
    raise ConfigError(f"no packaged data set is called '{name}'.{suggest(name, known)} Known: {', '.join(known)}.")
