"""Samples of a trained generator as a picture: a grid of images, one row for each class if it is conditional, or a
scatter plot of points over real ones.

RUN is a run's folder, whose newest generation is used, or the folder of one generation (RUN/checkpoints/NNNNNN). The
picture is written to RUN/samples, or to --out; its path and the generation's metrics are printed.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay.cli.console import early, numbers, paths
from selfplay.errors import CheckpointError, UserError

if TYPE_CHECKING:
    import numpy as np

    from selfplay.gan.inference import TrainedGenerator
    from selfplay.gan.load import LoadedGan

EPILOG = """examples:
  selfplay sample runs/gan-ring
  selfplay sample runs/gan-digits --label 3
  selfplay sample runs/gan-digits --interpolate 8 --seed 2
  selfplay sample runs/vae-digits --arithmetic 3-1+7
  selfplay sample runs/gan-grid --generation 5 --out early.png
  selfplay sample runs/gan-digits --count 10000 --npz digits.npz
  selfplay sample runs/gan-ring --evaluate

--interpolate shows interpolations between random inputs of the generator, one in each row. --arithmetic shows samples
of the first class, and below them the same samples after the mean inputs of other classes are subtracted and added.
--npz holds `x` [N, …] float32, images in [-1, 1], and `labels` [N] if the generator is conditional.
"""

MAX_COUNT = 1_000_000
MAX_GENERATION = MAX_LABEL = 999_999
MAX_INTERPOLATIONS = 100
STEPS = 10  # images of an interpolation
STEPS_OF_POINTS = 60
SETS, STUDENT = 5, 2.776  # sets of samples to measure, and Student's 97.5 % for the interval of their mean
IMAGES, POINTS = 100, 2_000  # samples by default


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=paths.path, metavar="RUN", help="folder of a run or of one generation")
    parser.add_argument(
        "--generation",
        type=numbers.whole(0, MAX_GENERATION),
        metavar="G",
        help="generation of the run (default: the newest)",
    )
    parser.add_argument("--label", type=numbers.whole(0, MAX_LABEL), metavar="K", help="samples of this class only")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--interpolate",
        type=numbers.whole(1, MAX_INTERPOLATIONS),
        metavar="N",
        help="N interpolations between random samples",
    )
    shown.add_argument("--arithmetic", metavar="SUM", help="sum and difference of classes, such as 3-1+7")
    shown.add_argument("--evaluate", action="store_true",
                       help="measure samples and held-out real data now; no picture")  # fmt: skip
    parser.add_argument("--count", type=numbers.whole(1, MAX_COUNT), metavar="N",
                        help=f"number of samples (default: {IMAGES} images, {POINTS} points)")  # fmt: skip
    parser.add_argument(
        "--npz", type=paths.file, metavar="FILE", help="write samples as arrays; with --out a picture too"
    )
    parser.add_argument(
        "--seed", type=numbers.seed, default=1, metavar="S", help="random seed of the samples (default 1)"
    )
    parser.add_argument(
        "--out", type=paths.file, metavar="FILE.png", help="path of the picture (default: in RUN/samples)"
    )


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    early.check_checkpoint(arguments.run_folder)
    folder = _folder(arguments.run_folder, arguments.generation)
    from selfplay.gan import load

    loaded = load.load(folder)
    _check_against(arguments, loaded)
    if arguments.evaluate:
        _evaluate(folder, loaded, arguments.seed)
        return 0
    import numpy as np

    rng = np.random.default_rng(arguments.seed)
    written = []
    if arguments.npz:
        written.append(_write_arrays(arguments, loaded.generator, rng))
    if arguments.out or not arguments.npz:
        written.append(_write_picture(arguments, folder, loaded, np.random.default_rng(arguments.seed)))
    from selfplay.cli.live import evaluation
    from selfplay.gan.display import DISPLAY

    generation = int(loaded.meta["generation"])
    print(f"Wrote {' and '.join(written)}; {evaluation.sentence(generation, _measured(folder, generation), DISPLAY)}.")
    return 0


# Arguments


def _check(arguments: argparse.Namespace) -> None:
    """Raises UserError for arguments that are wrong whatever the run."""
    if arguments.out and arguments.out.suffix != ".png":
        raise UserError(f"--out is '{arguments.out}': pictures are PNG files, so give it a name that ends in .png.")
    if arguments.npz and arguments.npz.suffix != ".npz":
        raise UserError(f"--npz is '{arguments.npz}': give it a name that ends in .npz.")
    if arguments.evaluate and arguments.out:
        raise UserError("--evaluate prints metrics and draws no picture: leave out --out.")
    if arguments.npz and (arguments.interpolate or arguments.arithmetic or arguments.evaluate):
        raise UserError("--npz writes plain samples: leave out --interpolate, --arithmetic and --evaluate.")
    if arguments.arithmetic and arguments.label is not None:
        raise UserError("--arithmetic names the classes itself: leave out --label.")
    if arguments.arithmetic:
        _terms(arguments.arithmetic)


def _terms(text: str) -> list[tuple[int, int]]:
    """(sign, class) of each term of a sum such as 3-1+7."""
    compact = text.replace(" ", "")
    if not re.fullmatch(r"\d{1,6}([+-]\d{1,6})*", compact, re.ASCII):
        raise UserError(f"--arithmetic is '{text}': expected classes with + and - between them, such as 3-1+7.")
    return [(-1 if sign == "-" else 1, int(digits)) for sign, digits in re.findall(r"([+-]?)(\d+)", compact)]


def _folder(path: Path, generation: int | None) -> Path:
    """The folder of the requested generation. Raises CheckpointError if the run does not keep it."""
    from selfplay.league import pool
    from selfplay.storage import artifact

    folder = pool.newest(path)
    if generation is not None:
        checkpoints = pool.Pool(folder.parent)
        kept = checkpoints.generations()
        if generation not in kept:
            there = ", ".join(map(str, kept)) if len(kept) <= 10 else f"{len(kept)} of {kept[0]} to {kept[-1]}"
            raise CheckpointError(f"'{path}' has no generation {generation}: it keeps {there}.")
        folder = checkpoints.path(generation)
    family = artifact.read(folder)[0].get("family")
    if family == "alphazero":
        raise CheckpointError(f"'{path}' holds an agent that plays a board game: use `selfplay play` with it.")
    return folder


def _check_against(arguments: argparse.Namespace, loaded: LoadedGan) -> None:
    classes, labels = loaded.agent.source.num_classes, []
    if arguments.label is not None:
        if not loaded.generator.config.conditional:
            raise UserError(
                f"'{arguments.run_folder}' was trained without classes, so none can be chosen: leave out --label, or "
                "train with --set network.conditional=true."
            )
        labels = [arguments.label]
    if arguments.arithmetic:
        labels = [label for _, label in _terms(arguments.arithmetic)]
        if not classes:
            raise UserError(f"--arithmetic needs classes, and the data of '{arguments.run_folder}' have none.")
    for label in labels:
        if not 0 <= label < classes:
            raise UserError(f"There is no class {label}: classes are 0 to {classes - 1}.")


# Output


def _write_arrays(arguments: argparse.Namespace, generator: TrainedGenerator, rng: np.random.Generator) -> str:
    import io

    import numpy as np

    from selfplay.storage import artifact

    count = arguments.count or _default_count(generator)
    labels = None if arguments.label is None else np.full(count, arguments.label)
    x, labels = generator.sample(count, rng, labels)
    data = io.BytesIO()
    if labels is None:
        np.savez(data, x=x)
    else:
        np.savez(data, x=x, labels=labels)
    try:
        artifact.replace_file(arguments.npz, data.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {arguments.npz} ({error.strerror}).") from None
    return f"{count:,} samples to {arguments.npz}"


def _write_picture(arguments: argparse.Namespace, folder: Path, loaded: LoadedGan, rng: np.random.Generator) -> str:
    from selfplay.gan import pictures
    from selfplay.loop import plots

    generator, generation = loaded.generator, int(loaded.meta["generation"])
    if arguments.interpolate:
        picture = _interpolations(generator, arguments.interpolate, arguments.label, rng)
        what = f"{arguments.interpolate} interpolations"
    elif arguments.arithmetic:
        picture, what = _sum(generator, _terms(arguments.arithmetic), rng), f"samples of {arguments.arithmetic}"
    else:
        title = f"{folder.parent.parent.name}, generation {generation}"
        picture = pictures.samples(generator, rng, arguments.label, title, arguments.count)
        what = "samples" if arguments.label is None else f"samples of class {arguments.label}"
    out = arguments.out or folder.parent.parent / "samples" / f"{generation:06d}{_suffix(arguments)}.png"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        plots.save(picture, out)
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror}): choose another place with --out.") from None
    return f"{what} to {out}"


def _suffix(arguments: argparse.Namespace) -> str:
    """The part of the default file name that names what is shown."""
    if arguments.arithmetic:
        return f"-{arguments.arithmetic.replace(' ', '')}"
    shown = "-interpolation" if arguments.interpolate else ""
    return shown + ("" if arguments.label is None else f"-label-{arguments.label}")


def _default_count(generator: TrainedGenerator) -> int:
    return POINTS if len(generator.source.shape) == 1 else IMAGES


def _interpolations(generator: TrainedGenerator, count: int, label: int | None, rng: np.random.Generator) -> np.ndarray:
    """A picture of interpolations between `count` pairs of random inputs, each within one class if conditional."""
    import numpy as np

    from selfplay.gan import pictures
    from selfplay.gan.models import latent

    points = len(generator.source.shape) == 1
    steps = STEPS_OF_POINTS if points else STEPS
    start, end = (generator.space.draw(count, rng) for _ in range(2))
    inputs = latent.path(generator.space, start, end, steps).reshape(count * steps, -1)
    labels = None
    if generator.config.conditional:
        chosen = rng.integers(generator.source.num_classes, size=count) if label is None else np.full(count, label)
        labels = chosen.repeat(steps)
    x = generator.from_inputs(inputs, labels)
    if not points:
        return pictures.grid(x, steps)
    reals = generator.source.train.sample(POINTS, rng)[0]
    fakes = generator.sample(POINTS, rng)[0]
    paths, title = list(x.reshape(count, steps, -1)), f"{count} interpolations"
    return pictures.scatter(reals, fakes, pictures.mixture_centres(generator.source.train), paths, title)


def _sum(generator: TrainedGenerator, terms: list[tuple[int, int]], rng: np.random.Generator) -> np.ndarray:
    """A picture of samples of the first class, and of the same samples after the others are added and subtracted."""
    import numpy as np

    from selfplay.gan import pictures
    from selfplay.gan.metrics import latent_arithmetic

    known = None if generator.config.conditional else latent_arithmetic.classes(generator, rng)
    seed = int(rng.integers(2**32))  # the same for both, so that they start from the same inputs
    before, after = (
        latent_arithmetic.arithmetic(generator, part, STEPS, np.random.default_rng(seed), known)
        for part in (terms[:1], terms)
    )
    x = np.concatenate([before, after])
    if len(generator.source.shape) > 1:
        return pictures.grid(x, STEPS)
    reals = generator.source.train.sample(POINTS, rng)[0]
    paths = list(np.stack([before, after], axis=1))
    return pictures.scatter(reals, x, pictures.mixture_centres(generator.source.train), paths)


def _evaluate(folder: Path, loaded: LoadedGan, seed: int) -> None:
    """Prints each metric of the samples, as the mean of several independent sets of them with a 95 % interval of that
    mean, next to that of held-out reals, the best that can be expected."""
    import numpy as np

    from selfplay.cli.live import evaluation
    from selfplay.display import number
    from selfplay.gan.display import DISPLAY
    from selfplay.gan.metrics import latent_arithmetic
    from selfplay.league import pool

    source, rng = loaded.agent.source, np.random.default_rng((seed, 5))
    weights = pool.load_weights(folder)[1]
    sets = []
    for which in range(SETS):
        measured = loaded.agent.measure(weights, (seed, which))
        sets.append(measured | latent_arithmetic.metrics(loaded.generator, np.random.default_rng((seed, which, 6))))
    floors = source.judge.metrics(lambda n: source.held_out.sample(n, rng), rng)
    found = {name: float(np.mean([one.get(name, np.nan) for one in sets])) for name in sets[0]}
    print(f"{'metric':28} {'samples':>12} {'± 95 %':>10} {'held-out reals':>16}")
    for name, value in found.items():
        values = [one.get(name, np.nan) for one in sets]
        error = float(STUDENT * np.std(values, ddof=1) / np.sqrt(SETS))
        beside = number(floors[name]) if name in floors else ""
        print(f"{name.replace('_', ' '):28} {number(value):>12} {error:>10.2g} {beside:>16}")
    print(f"Means of {SETS} independent sets of samples (seed {seed}); the interval is of the mean over such sets.")
    print(evaluation.sentence(int(loaded.meta["generation"]), found, DISPLAY))


def _measured(folder: Path, generation: int) -> dict[str, float]:
    """The metrics of the generation, as its run evaluated it; none where it did not."""
    from selfplay.loop import folder as folders
    from selfplay.storage import bounded

    try:
        with io.TextIOWrapper(bounded.opened(folders.evaluation_file(folder.parent.parent)), newline="") as file:
            for row in csv.DictReader(file):
                if row.pop("generation", None) == str(generation):
                    return {name: float(value) for name, value in row.items() if name and value}
    except (OSError, ValueError, TypeError, csv.Error):
        return {}
    return {}
