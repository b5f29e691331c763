"""The settings of the GAN family, and the description of a model in its checkpoints. Loads neither torch nor NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from selfplay import config as configs
from selfplay.datasets.config import StreamConfig, base_of
from selfplay.drift.config import DriftConfig
from selfplay.league.config import PoolConfig
from selfplay.learning.config import LearnerConfig, MiningConfig, ReplayConfig
from selfplay.loop.config import RunConfig

DatasetName = Literal[
    "ring", "grid", "digits", "stacked-digits", "positions", "idx", "cifar10", "stream:ring", "stream:grid",
    "stream:digits",
]  # fmt: skip
Augmentation = Literal["translation", "cutout", "colour"]

FAMILY = "gan"  # name in checkpoints
PLACES = ("path", "labels", "inception")  # settings of data that say where they lie
OWN = {"info": "info", "superres": "superres", "vae": "autoencoder"}  # the section that only one model uses


@dataclass(frozen=True)
class DataConfig:
    """The data that the generator learns to imitate."""

    name: DatasetName = "ring"
    """ring, grid: mixtures of Gaussians; digits, stacked-digits: scikit-learn's digits; positions: the replay of a
    self-play run; idx, cifar10: image files of your own; stream:ring, stream:grid, stream:digits: the same data, which
    change over time as the section stream says."""

    modes: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Number of modes of the ring."""

    side: Annotated[int, Meta(ge=1, le=100)] = 5
    """Modes per side of the grid."""

    spacing: Annotated[float, Meta(gt=0, le=1_000_000)] = 2.0
    """Distance between neighbouring modes of the grid."""

    sigma: Annotated[float, Meta(gt=0, le=1_000_000)] | None = None
    """Standard deviation of each mode; none: 0.02 for the ring, 0.05 for the grid."""

    path: Annotated[str, configs.PATH] = ""
    """positions: folder of the run. idx: file of images. cifar10: folder of the binary files."""

    labels: Annotated[str, configs.PATH] = ""
    """idx: file of labels, if there is one."""

    inception: Annotated[str, configs.PATH] = ""
    """idx, cifar10: torch-fidelity's file of Inception weights, for Fréchet distances in Inception features."""


@dataclass(frozen=True)
class GanNetworkConfig:
    """Architecture and size of generator and critic."""

    kind: Literal["mlp", "dcgan", "residual"] = "mlp"
    """mlp: for points. dcgan: strided convolutions with batch norm in the generator (Radford 2015). residual: blocks
    without normalisation, after R3GAN (2501.05441)."""

    width: Annotated[int, Meta(ge=4, le=4096)] = 64
    """Units of a hidden layer, or channels at full resolution."""

    depth: Annotated[int, Meta(ge=1, le=16)] = 3
    """Hidden layers of an mlp, residual blocks at each resolution."""

    latent: Annotated[int, Meta(ge=1, le=1024)] = 8
    """Dimensions of the generator's Gaussian noise."""

    conditional: bool = False
    """Condition on the class: an embedding with the noise, a projection in the critic (Miyato & Koyama 2018,
    1802.05637)."""

    embedding: Annotated[int, Meta(ge=1, le=256)] = 16
    """Dimensions of the generator's class embedding."""

    critic_width: Annotated[int, Meta(ge=4, le=4096)] | None = None
    """`width` of the critic; none: the same as the generator's."""

    virtual_batch_norm: Annotated[int, Meta(ge=0, le=4096)] = 0
    """Rows of the reference batch for virtual batch normalisation in the generator (Salimans 2016, 1606.03498), such as
    64; 0: none. It goes through the generator with every batch."""

    minibatch_deviation: Annotated[int, Meta(ge=0, le=256)] = 0
    """Size of the groups for minibatch standard deviation in the critic (Karras 2018, 1710.10196: 4); 0: none. A sample
    then has no score of its own: see `selfplay.gan.models.layers.BatchAware`."""

    packing: Annotated[int, Meta(ge=1, le=64)] = 1
    """Samples that the critic scores together (PacGAN, Lin 2018, 1712.04086: 2 to 4). Scores are of packs."""

    rounded: bool = False
    """For discrete data, such as boards: in each cell of a sample the largest plane, if it is above 0, becomes 1, and
    the others −1; gradients pass unchanged (straight-through, Bengio 2013, 1308.3432)."""

    spectral_norm: bool = False
    """Divides each layer of the critic by its largest singular value (Miyato 2018, 1802.05957); use it instead of
    gradient penalties, not in addition."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """The losses of generator and critic."""

    loss: Literal["rpgan", "minimax", "non-saturating", "lsgan", "hinge", "wgan-gp"] = "rpgan"
    """Form of the adversarial loss, see `selfplay.gan.loss`."""

    r1: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.1
    """γ of the penalty (γ/2) E‖∇D(x)‖² on reals, at the start of the run."""

    r2: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.1
    """γ of the same penalty on fakes."""

    final_penalty: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of both that remains at the end of the run, reached geometrically along half a cosine."""

    gradient_penalty: Annotated[float, Meta(ge=0, le=1_000_000)] = 10.0
    """λ of the penalty of wgan-gp."""

    label_smoothing: Annotated[float, Meta(ge=0, lt=0.5)] = 0.0
    """One-sided label smoothing (Salimans 2016, 1606.03498): the target of reals is 1 − this."""

    noisy_labels: Annotated[float, Meta(ge=0, lt=0.5)] = 0.0
    """Share of pairs whose real and fake are swapped for the critic; falls to 0 over the first half of the run."""

    instance_noise: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    """Standard deviation of noise on the critic's inputs; falls to 0 over the first half of the run."""

    past_fakes: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of the critic's fakes that are made by past generators (which ones: `pool.opponents`)."""

    past_critics: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Weight of a past critic in the generator's loss."""

    feature_matching: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    """Weight in the generator's loss of the squared distance between the mean features of reals and of fakes, at the
    input of the critic's last layer (Salimans 2016, section 3.1)."""

    augmentations: tuple[Augmentation, ...] = ()
    """Augmentations of the critic's inputs, reals and fakes alike: translation, cutout, colour (DiffAugment, Zhao 2020,
    2006.10738); for data sets of a few thousand images or fewer."""

    augmentation_probability: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Probability of each augmentation, for each sample."""

    augmentation_target: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Above 0: the probability adapts, from 0. It rises while E sign(D(x) − D(y)) is above this target and falls while
    it is below (ADA, Karras 2020, 2006.06676: 0.6). 0: the probability is fixed."""

    critic_steps: Annotated[int, Meta(ge=1, le=100)] = 1
    """Steps of the critic for each step of the generator."""

    critic_learning_rate: Annotated[float, Meta(gt=0, le=100)] = 1.0
    """Ratio of the critic's learning rate to the generator's: two time scales (Heusel 2017, 1706.08500)."""


@dataclass(frozen=True)
class InfoConfig:
    """Codes of model=info."""

    categories: Annotated[int, Meta(ge=2, le=1000)] = 10
    """Number of values of the categorical code, all equally likely."""

    continuous: Annotated[int, Meta(ge=0, le=64)] = 2
    """Number of continuous codes, uniform in [−1, 1]."""

    weight: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    """Weight of the category's −log Q in the generator's loss."""

    continuous_weight: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.1
    """Weight of the continuous codes' −log Q in the generator's loss."""

    noise: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    """Standard deviation of noise on samples when the recogniser infers their category in training: categories must
    then differ by more than this, as classes do, and cannot be encoded in details."""


@dataclass(frozen=True)
class SuperresConfig:
    """Settings of model=superres."""

    factor: Annotated[int, Meta(ge=2, le=8)] = 2
    """Factor by which images are enlarged along each side."""

    noise: bool = False
    """Whether the generator also takes `network.latent` numbers of noise."""

    pixel: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    """Weight of the mean squared error of pixels."""

    perceptual: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.01
    """Weight of the mean squared error of the digit classifier's features."""

    adversarial: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.1
    """Weight of the adversarial loss; at 0 the critic still learns but has no effect."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """Settings of model=vae."""

    beta: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    """Weight of the KL divergence (Higgins 2017); at 1 the loss is minus the evidence lower bound."""

    deviation: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """Standard deviation of p(x | z), in the scale of the networks; none: learned, and it shrinks steadily if a small
    data set is memorised."""


@dataclass(frozen=True)
class GanConfig:
    """Every setting of a run."""

    model: Literal["gan", "info", "superres", "ae", "vae"] = "gan"
    """gan: generator and critic, conditional on the class if `network.conditional` is set. info: with codes that can be
    inferred from samples (InfoGAN). superres: enlarges images. ae, vae: autoencoders to compare with; they ignore the
    sections about a critic and opponents (objective, pool)."""

    data: DataConfig = field(default_factory=DataConfig)
    stream: StreamConfig = field(default_factory=StreamConfig)
    network: GanNetworkConfig = field(default_factory=GanNetworkConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    info: InfoConfig = field(default_factory=InfoConfig)
    superres: SuperresConfig = field(default_factory=SuperresConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    run: RunConfig = field(default_factory=RunConfig)


def identity(config: GanConfig) -> dict[str, Any]:
    """The settings that determine which weights fit, as JSON values: the description in a checkpoint. Where data lie is
    among them, and may change."""
    own = OWN.get(config.model)
    of_stream = ["stream"] if base_of(config.data.name) else []
    sections = ["data", *of_stream, "network"] + ([own] if own else [])
    described = {section: _plain(configs.to_values(getattr(config, section))) for section in sections}
    return {"family": FAMILY, "model": config.model} | described


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def moved(saved: Mapping[str, Any], data: DataConfig) -> str:
    """The first of the data's places that is not where the section `saved` of an earlier session has it; empty where
    they are in place."""
    for name in ("path", "labels"):
        place, before = getattr(data, name), str(saved.get(name, ""))
        if place != before and place != (before and configs.absolute(before, Path.cwd())):
            return place or f"{name}=none"
    return ""


def described(meta: Mapping[str, Any]) -> GanConfig:
    """The config that a checkpoint describes, by `identity` and its objective; the other sections are the defaults.
    Raises ConfigError or KeyError for an incomplete description."""
    sections = ["model", "data", "network", "objective"]
    sections += [name for name in ("stream", OWN.get(meta["model"], "")) if name and (name != "stream" or name in meta)]
    return configs.from_values(GanConfig, {section: meta[section] for section in sections})
