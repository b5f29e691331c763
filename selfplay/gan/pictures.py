"""Pictures of samples: a scatter plot of points over reals, or a grid of images.

A picture is [R, C, 3] uint8 and a function of the samples. Knows trained generators, not runs or files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from selfplay.datasets import concept, dataset, mixtures
from selfplay.gan import inference

SIDE = 600  # pixels of a scatter plot
TILE = 48  # pixels that a small image is enlarged to, at least
GAP = 4  # pixels between images
PAPER = 128  # grey level between images, different from ink and paper
MARGIN = 0.15  # margin around the reals, over their extent; points beyond it are drawn on the edge
COLUMNS = 10
POINTS = 2_000  # number of points by default
ROWS_BY_CLASS = 20  # largest number of classes that get a row each


def samples(
    generator: inference.TrainedGenerator,
    rng: np.random.Generator,
    label: int | None = None,
    title: str = "",
    count: int | None = None,
) -> np.ndarray:
    """Samples of a generator: 2,000 points over as many reals, or a hundred images, one row for each class if the
    generator is conditional. label: samples of this class only. count: number of samples."""
    points = len(generator.source.shape) == 1
    number = count or (POINTS if points else COLUMNS**2)
    labels = None if label is None else np.full(number, label)
    if points:
        reals = generator.source.train.sample(number, rng)[0]
        return scatter(
            reals, generator.sample(number, rng, labels)[0], mixture_centres(generator.source.train), (), title
        )
    classes = generator.source.num_classes
    if label is None and generator.config.conditional and classes <= ROWS_BY_CLASS:
        columns = COLUMNS if count is None else math.ceil(count / classes)
        return grid(generator.sample(classes * columns, rng, np.arange(classes).repeat(columns))[0], columns)
    return grid(generator.sample(number, rng, labels)[0])


def mixture_centres(dataset: dataset.Dataset) -> np.ndarray | None:
    """[K, D]: the modes of a mixture, those that a concept of a stream has; None for other data."""
    if isinstance(dataset, concept.Concept):
        centres = mixture_centres(dataset.base)
        return centres if centres is None or dataset.prior is None else centres[dataset.prior > 0]
    return dataset.centres if isinstance(dataset, mixtures.Mixture) else None


def scatter(
    reals: np.ndarray,
    fakes: np.ndarray,
    centres: np.ndarray | None = None,
    paths: Sequence[np.ndarray] = (),
    title: str = "",
) -> np.ndarray:
    """Fakes [M, D] (orange) over reals [N, D] (grey), centres [K, D] of modes as crosses, and paths [S, D] as lines
    with their ends marked. Only the first two dimensions are shown. The frame depends on the reals alone, so that
    pictures of a run are comparable; fakes outside are drawn on its edge and counted in the legend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    reals, fakes = _plane(reals), _plane(fakes)
    low, high = reals.min(axis=0), reals.max(axis=0)
    room = MARGIN * np.maximum(high - low, 1e-9)
    low, high = low - room, high + room
    outside = int(np.sum(((fakes < low) | (fakes > high)).any(axis=1)))
    figure = Figure(figsize=(SIDE / 100, SIDE / 100), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    label = f"{len(fakes):,} fakes" + (f", {outside:,} outside" if outside else "")
    shown = np.clip(fakes, low, high)
    axes.scatter(reals[:, 0], reals[:, 1], s=6, color="0.72", linewidths=0, label=f"{len(reals):,} reals")
    axes.scatter(shown[:, 0], shown[:, 1], s=4, color="tab:orange", alpha=0.7, linewidths=0, label=label)
    if centres is not None:
        at, label = _plane(centres), f"{len(centres):,} modes"
        axes.scatter(at[:, 0], at[:, 1], s=30, marker="+", color="black", linewidths=0.8, label=label)
    for number, path in enumerate(paths):
        steps = _plane(path)
        axes.plot(*steps.T, marker=".", markersize=4, linewidth=1, color=f"C{number % 10}")
        axes.plot(*steps[[0, -1]].T, marker="o", linestyle="", markersize=7, color=f"C{number % 10}")
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.set_aspect("equal")
    axes.grid(alpha=0.2)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, markerscale=2)
    figure.suptitle(title, fontsize=10)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _plane(points: np.ndarray) -> np.ndarray:
    """[N, 2]: the first two coordinates; a single coordinate is paired with 0."""
    points = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
    return points[:, :2] if points.shape[1] > 1 else np.column_stack([points[:, 0], np.zeros(len(points))])


def grid(images: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Images [N, P, R, C], row by row, N ≥ 1, values clipped to [−1, 1]. Small images are enlarged without smoothing,
    with a grey gap between them."""
    tiles = np.stack([_coloured(image) for image in images])  # [N, R, C, 3]
    factor = max(1, math.ceil(TILE / max(tiles.shape[1:3])))
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    (count, height, width), columns = tiles.shape[:3], min(columns, len(tiles))
    lines = math.ceil(count / columns)
    picture = np.full((lines * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), PAPER, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        top, left = ((height, width)[axis] + GAP for axis in (0, 1))
        top, left = GAP + top * (number // columns), GAP + left * (number % columns)
        picture[top : top + height, left : left + width] = tile
    return picture


def _coloured(image: np.ndarray) -> np.ndarray:
    """[R, C, 3] uint8 of an image [P, R, C] in [−1, 1]: one plane is grey, three are red, green and blue, two are red
    and blue; of more, the first three."""
    levels = np.rint((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)
    if len(levels) == 1:
        levels = levels.repeat(3, axis=0)
    if len(levels) == 2:
        levels = np.stack([levels[0], np.zeros_like(levels[0]), levels[1]])
    return levels[:3].transpose(1, 2, 0)
