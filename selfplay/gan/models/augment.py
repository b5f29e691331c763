"""Differentiable augmentation of critics' inputs: the same random changes to reals and fakes.

    translation   by up to an eighth of the image, with zeros beyond its edge
    cutout        a square of half its side set to zero, anywhere
    colour        brightness, saturation and contrast of images with three planes

after DiffAugment (Zhao 2020, 2006.10738), each applied to each sample with some probability, which can adapt in
training (ADA, Karras 2020, 2006.06676). Knows images [B, P, R, C] of any scale around zero, not what they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from selfplay.gan.config import Augmentation

FARTHEST = 1 / 8  # of the image's side: translation
HOLE = 1 / 2  # of the image's side: cutout
RAMP = 500_000  # reals seen while the adaptive probability goes from 0 to 1 (Karras 2020, section 3.1)


def augment(
    x: torch.Tensor, names: Sequence[Augmentation], probability: torch.Tensor | float, random: torch.Generator
) -> torch.Tensor:
    """x [B, P, R, C] with the augmentations `names`, each applied to each sample with `probability`."""
    for name in names:
        chosen = torch.rand(len(x), generator=random, device=x.device) < probability
        x = CHANGES[name](x, chosen, random)
    return x


def adapt(probability: torch.Tensor, wins: torch.Tensor, target: float, reals: int) -> None:
    """Changes `probability` in place: up while the critic is too sure of itself, else down, by reals / RAMP.

    wins: share of the `reals` that score above their fakes, ½ to 1 as a rule. Karras 2020 asks how often the score of a
    real is positive, r = E sign D(x). Where only differences of scores have a meaning, as in relativistic losses, that
    is up to a constant that nothing fixes; r = E sign(D(x) − D(y)) = 2·wins − 1 is the same question without it. Like
    the original it also rises while the generator is just bad; unlike a gap to held-out reals, it needs none.
    """
    step = torch.sign(2 * wins - 1 - target) * (reals / RAMP)
    probability.add_(step).clamp_(0.0, 1.0)


def _translated(x: torch.Tensor, chosen: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """By products with shifted identities, whose gradients, unlike those of indexing, are summed in a fixed order."""
    rows, columns = (_shift(side, chosen, random).to(x.dtype) for side in x.shape[2:])
    moved: torch.Tensor = torch.einsum("bij,bpjk,blk->bpil", rows, x, columns)
    return moved


def _shift(side: int, chosen: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """[B, side, side] bool: row i of the result is row i + d of the image, d random for each sample."""
    farthest = int(side * FARTHEST + 0.5)
    by = torch.randint(-farthest, farthest + 1, chosen.shape, generator=random, device=chosen.device) * chosen
    places = torch.arange(side, device=chosen.device)
    return places[:, None] + by[:, None, None] == places


def _cut(x: torch.Tensor, chosen: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    rows, columns = (_in_hole(side, chosen, random) for side in x.shape[2:])
    hole = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return x * ~hole[:, None]


def _in_hole(side: int, chosen: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """[B, side] bool; centres are anywhere, so holes may extend beyond the edge."""
    size = int(side * HOLE + 0.5)
    centre = torch.randint(0, side + 1 - size % 2, chosen.shape, generator=random, device=chosen.device)
    start = (centre - size // 2)[:, None]
    places = torch.arange(side, device=chosen.device)
    return (places >= start) & (places < start + size)


def _coloured(x: torch.Tensor, chosen: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """+ U(−½, ½), then distances from a pixel's mean times U(0, 2), from the image's mean times U(½, 3/2)."""
    lighter, richer, stronger = torch.rand(3, len(x), 1, 1, 1, generator=random, device=x.device)
    chosen = chosen[:, None, None, None]
    x = x + torch.where(chosen, lighter - 0.5, 0.0)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * torch.where(chosen, 2 * richer, 1.0)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * torch.where(chosen, stronger + 0.5, 1.0)


Change = Callable[[torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]
CHANGES: Mapping[Augmentation, Change] = {"translation": _translated, "cutout": _cut, "colour": _coloured}
