"""Shows what a trained generator makes: a grid of images, a row a class where it was trained by class, or points among
the real ones.

RUN is a run's folder, of which the newest generation is taken, or one generation's folder (RUN/checkpoints/NNNNNN). The
picture goes to RUN/samples unless --out says otherwise; printed are its place and that generation's figures.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay.errors import CheckpointError, UserError

if TYPE_CHECKING:
    import numpy as np

    from selfplay.gan.players import Generator, Loaded

EPILOG = """examples:
  selfplay sample runs/gan-ring
  selfplay sample runs/gan-digits --label 3
  selfplay sample runs/gan-digits --interpolate 8 --seed 2
  selfplay sample runs/vae-digits --arithmetic 3-1+7
  selfplay sample runs/gan-grid --generation 5 --out early.png
  selfplay sample runs/gan-digits --count 10000 --npz digits.npz
  selfplay sample runs/gan-ring --evaluate

--interpolate shows walks between random inputs of the generator, a row each. --arithmetic shows samples of the first
class, and below them what they become when the mean inputs of other classes are taken away and added. --npz holds `x`
[N, …] float32, images in [-1, 1], and `labels` [N] where there are classes.
"""

MAX_COUNT = 1_000_000
MAX_WALKS = 100
STEPS = 10  # images of a walk
STEPS_OF_POINTS = 60
IMAGES, POINTS = 100, 2_000  # shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder, or one generation's")
    parser.add_argument("--generation", type=int, metavar="G", help="of the run (default: the newest)")
    parser.add_argument("--label", type=int, metavar="K", help="samples of this class only")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--interpolate", type=int, metavar="N", help="N walks between random samples")
    shown.add_argument("--arithmetic", metavar="SUM", help="classes added and taken away, such as 3-1+7")
    shown.add_argument("--evaluate", action="store_true",
                       help="measure the samples now, and held-out real data beside them; no picture")  # fmt: skip
    parser.add_argument("--count", type=int, metavar="N",
                        help=f"samples (default: {IMAGES} images, {POINTS} points)")  # fmt: skip
    parser.add_argument("--npz", type=Path, metavar="FILE", help="write samples as arrays; a picture only with --out")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the samples follow from it (default 1)")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="the picture (default: in RUN/samples)")


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    folder = _folder(arguments.run_folder, arguments.generation)
    from selfplay.gan import players

    loaded = players.load(folder)
    _check_against(arguments, loaded)
    if arguments.evaluate:
        _evaluate(folder, loaded)
        return 0
    import numpy as np

    rng = np.random.default_rng(arguments.seed)
    written = []
    if arguments.npz:
        written.append(_write_arrays(arguments, loaded.generator, rng))
    if arguments.out or not arguments.npz:
        written.append(_write_picture(arguments, folder, loaded, np.random.default_rng(arguments.seed)))
    from selfplay.cli.live import figures as told

    generation = int(loaded.meta["generation"])
    print(f"Wrote {' and '.join(written)}; {told.sentence(generation, _measured(folder, generation))}.")
    return 0


# What is asked for


def _check(arguments: argparse.Namespace) -> None:
    """What can be said before anything is loaded."""
    for option, value, least, most in (
        ("--count", arguments.count, 1, MAX_COUNT), ("--interpolate", arguments.interpolate, 1, MAX_WALKS),
        ("--seed", arguments.seed, 0, 2**62), ("--generation", arguments.generation, 0, 10**6 - 1),
    ):  # fmt: skip
        if value is not None and not least <= value <= most:
            raise UserError(f"{option} is {value}, and must be {least:,} to {most:,}.")
    if arguments.out and arguments.out.suffix != ".png":
        raise UserError(f"--out is '{arguments.out}', and pictures are PNG files: give it a name that ends in .png.")
    if arguments.npz and arguments.npz.suffix != ".npz":
        raise UserError(f"--npz is '{arguments.npz}': give it a name that ends in .npz.")
    if arguments.evaluate and arguments.out:
        raise UserError("--evaluate prints figures and draws nothing: leave out --out.")
    if arguments.npz and (arguments.interpolate or arguments.arithmetic or arguments.evaluate):
        raise UserError("--npz writes plain samples: leave out --interpolate, --arithmetic and --evaluate.")
    if arguments.arithmetic and arguments.label is not None:
        raise UserError("--arithmetic names its own classes: leave out --label.")
    if arguments.arithmetic:
        _terms(arguments.arithmetic)


def _terms(text: str) -> list[tuple[int, int]]:
    """(sign, class) of each term of a sum such as 3-1+7."""
    compact = text.replace(" ", "")
    if not re.fullmatch(r"\d{1,6}([+-]\d{1,6})*", compact, re.ASCII):
        raise UserError(f"--arithmetic is '{text}': expected classes with + and - between them, such as 3-1+7.")
    return [(-1 if sign == "-" else 1, int(digits)) for sign, digits in re.findall(r"([+-]?)(\d+)", compact)]


def _folder(path: Path, generation: int | None) -> Path:
    """The folder of the generation that is asked for. Raises CheckpointError."""
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
        raise CheckpointError(f"'{path}' holds an agent that plays a board game: that is what `selfplay play` is for.")
    return folder


def _check_against(arguments: argparse.Namespace, loaded: Loaded) -> None:
    classes, labels = loaded.agent.source.num_classes, []
    if arguments.label is not None:
        if not loaded.generator.config.conditional:
            raise UserError(
                f"'{arguments.run_folder}' was trained without classes and can't be asked for one: leave out --label, "
                "or train with --set network.conditional=true."
            )
        labels = [arguments.label]
    if arguments.arithmetic:
        labels = [label for _, label in _terms(arguments.arithmetic)]
        if not classes:
            raise UserError(f"--arithmetic needs classes, and the data of '{arguments.run_folder}' have none.")
    for label in labels:
        if not 0 <= label < classes:
            raise UserError(f"There is no class {label}: classes are 0 to {classes - 1}.")


# What is shown


def _write_arrays(arguments: argparse.Namespace, made: Generator, rng: np.random.Generator) -> str:
    import io

    import numpy as np

    from selfplay.storage import artifact

    count = arguments.count or _usual(made)
    labels = None if arguments.label is None else np.full(count, arguments.label)
    x, labels = made.sample(count, rng, labels)
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


def _write_picture(arguments: argparse.Namespace, folder: Path, loaded: Loaded, rng: np.random.Generator) -> str:
    from selfplay.gan import pictures
    from selfplay.loop import plots

    made, generation = loaded.generator, int(loaded.meta["generation"])
    if arguments.interpolate:
        picture, what = _walks(made, arguments.interpolate, arguments.label, rng), f"{arguments.interpolate} walks"
    elif arguments.arithmetic:
        picture, what = _sum(made, _terms(arguments.arithmetic), rng), f"samples of {arguments.arithmetic}"
    else:
        title = f"{folder.parent.parent.name}, generation {generation}"
        picture = pictures.of_generator(made, rng, arguments.label, title, arguments.count)
        what = "samples" if arguments.label is None else f"samples of class {arguments.label}"
    out = arguments.out or folder.parent.parent / "samples" / f"{generation:06d}{_suffix(arguments)}.png"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        plots.save(picture, out)
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror}): choose another place with --out.") from None
    return f"{what} to {out}"


def _suffix(arguments: argparse.Namespace) -> str:
    """What tells pictures of one generation apart."""
    if arguments.arithmetic:
        return f"-{arguments.arithmetic.replace(' ', '')}"
    walks = "-walks" if arguments.interpolate else ""
    return walks + ("" if arguments.label is None else f"-label-{arguments.label}")


def _usual(made: Generator) -> int:
    return POINTS if len(made.source.shape) == 1 else IMAGES


def _walks(made: Generator, count: int, label: int | None, rng: np.random.Generator) -> np.ndarray:
    """A picture of walks between `count` pairs of random inputs, each within one class where there are classes."""
    import numpy as np

    from selfplay.gan import pictures

    points = len(made.source.shape) == 1
    steps = STEPS_OF_POINTS if points else STEPS
    start, end = (made.space.draw(count, rng).repeat(steps, axis=0) for _ in range(2))
    inputs = made.space.between(start, end, np.tile(np.linspace(0, 1, steps), count))  # [count · steps, L]
    labels = None
    if made.config.conditional:
        chosen = rng.integers(made.source.num_classes, size=count) if label is None else np.full(count, label)
        labels = chosen.repeat(steps)
    x = made.of_inputs(inputs, labels)
    if not points:
        return pictures.grid(x, steps)
    reals = made.source.train.sample(POINTS, rng)[0]
    fakes = made.sample(POINTS, rng)[0]
    paths = list(x.reshape(count, steps, -1))
    return pictures.of_points(reals, fakes, pictures.centres_of(made.source.train), paths, f"{count} walks")


def _sum(made: Generator, terms: list[tuple[int, int]], rng: np.random.Generator) -> np.ndarray:
    """A picture of samples of the first class, and below or beside them what they become when the others are added and
    taken away."""
    import numpy as np

    from selfplay.gan import pictures
    from selfplay.gan.models import latent

    known = None if made.config.conditional else latent.classes(made, rng)
    seed = int(rng.integers(2**32))  # the same for both, so that they begin with the same inputs
    before, after = (
        latent.arithmetic(made, some, STEPS, np.random.default_rng(seed), known) for some in (terms[:1], terms)
    )
    x = np.concatenate([before, after])
    if len(made.source.shape) > 1:
        return pictures.grid(x, STEPS)
    reals = made.source.train.sample(POINTS, rng)[0]
    paths = list(np.stack([before, after], axis=1))
    return pictures.of_points(reals, x, pictures.centres_of(made.source.train), paths)


def _evaluate(folder: Path, loaded: Loaded) -> None:
    """Prints each figure of the samples beside that of held-out reals, which no generator should have to beat."""
    import numpy as np

    from selfplay.cli.live import figures as told
    from selfplay.gan.models import latent
    from selfplay.league import pool

    source, rng = loaded.agent.source, np.random.default_rng((0, 5))
    weights = pool.load_weights(folder)[1]
    found = loaded.agent.evaluate(weights, weights)
    found |= latent.figures(loaded.generator, np.random.default_rng((0, 6)))  # of walks and sums of classes
    floors = source.judge.figures(lambda n: source.held_out.sample(n, rng), rng)
    print(f"{'figure':28} {'samples':>12} {'held-out reals':>16}")
    for name, value in found.items():
        beside = told.number(floors[name]) if name in floors else ""
        print(f"{name.replace('_', ' '):28} {told.number(value):>12} {beside:>16}")
    print(told.sentence(int(loaded.meta["generation"]), found))


def _measured(folder: Path, generation: int) -> dict[str, float]:
    """The figures of the generation, as its run measured them; none where it did not."""
    try:
        with (folder.parent.parent / "strength.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row.pop("generation", None) == str(generation):
                    return {name: float(value) for name, value in row.items() if name and value}
    except (OSError, ValueError, TypeError, csv.Error):
        return {}
    return {}
