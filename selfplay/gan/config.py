"""Every setting of a run of the GAN family. Loads neither torch nor NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from selfplay import config as configs
from selfplay.league.config import PoolConfig
from selfplay.learning.config import LearnerConfig, MiningConfig, ReplayConfig
from selfplay.loop.config import RunConfig

DatasetName = Literal["ring", "grid", "digits", "stacked-digits", "positions", "idx", "cifar10"]
Augmentation = Literal["translation", "cutout", "colour"]

FAMILY = "gan"  # in checkpoints
OWN = {"info": "info", "superres": "superres", "vae": "autoencoder"}  # the section that a model has to itself


@dataclass(frozen=True)
class DataConfig:
    """What is imitated."""

    name: DatasetName = "ring"
    """ring and grid: Gaussians; digits, stacked-digits: scikit-learn's; positions: of a self-play run's replay; idx,
    cifar10: the user's own files."""

    modes: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Of the ring."""

    side: Annotated[int, Meta(ge=1, le=100)] = 5
    """Modes a side of the grid."""

    spacing: Annotated[float, Meta(gt=0)] = 2.0
    """Of neighbours on the grid."""

    sigma: Annotated[float, Meta(gt=0)] | None = None
    """Width of each mode; None: 0.02 on the ring, 0.05 on the grid."""

    path: str = ""
    """Of positions: the folder of the run. Of idx: the file of images. Of cifar10: the folder of the binary files."""

    labels: str = ""
    """Of idx: the file of labels, where there is one."""

    inception: str = ""
    """Of idx and cifar10: torch-fidelity's file of Inception weights, for Fréchet distances in its features too."""


@dataclass(frozen=True)
class GanNetworkConfig:
    """Size and kind of generator and critic."""

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
    """By class: an embedding beside the noise, a projection in the critic (Miyato & Koyama 2018, 1802.05637)."""

    embedding: Annotated[int, Meta(ge=1, le=256)] = 16
    """Dimensions of the generator's class embedding."""

    critic_width: Annotated[int, Meta(ge=4, le=4096)] | None = None
    """`width` of the critic; none: that of the generator."""

    virtual_batch_norm: Annotated[int, Meta(ge=0, le=4096)] = 0
    """Rows of the reference batch that the generator's layers are normalised by (Salimans 2016, 1606.03498), some 64;
    0: none. It goes through the generator beside every batch."""

    minibatch_deviation: Annotated[int, Meta(ge=0, le=256)] = 0
    """Size of the groups in which the critic sees how much samples differ (Karras 2018, 1710.10196: 4); 0: it doesn't.
    A sample has no score of its own then: see `selfplay.gan.models.layers.BatchAware`."""

    packing: Annotated[int, Meta(ge=1, le=64)] = 1
    """Samples that the critic judges at once (PacGAN, Lin 2018, 1712.04086: 2 to 4). Scores are those of packs."""

    rounded: bool = False
    """For discrete data, such as boards: in each cell of a sample the largest plane, if it is above 0, becomes 1, and
    the others −1; gradients pass as if it hadn't (straight-through, Bengio 2013, 1308.3432)."""

    spectral_norm: bool = False
    """Divides each layer of the critic by its largest singular value (Miyato 2018, 1802.05957); of use in place of
    gradient penalties, not on top of them."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """What generator and critic play for."""

    loss: Literal["rpgan", "minimax", "non-saturating", "lsgan", "hinge", "wgan-gp"] = "rpgan"
    """See `selfplay.gan.loss`."""

    r1: Annotated[float, Meta(ge=0)] = 0.1
    """γ of (γ/2) E‖∇D(x)‖² on reals at the start of the run."""

    r2: Annotated[float, Meta(ge=0)] = 0.1
    """γ of the same on fakes."""

    final_penalty: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """What share of both is left at the end, reached geometrically along half a cosine."""

    gradient_penalty: Annotated[float, Meta(ge=0)] = 10.0
    """λ of wgan-gp."""

    label_smoothing: Annotated[float, Meta(ge=0, lt=0.5)] = 0.0
    """One-sided (Salimans 2016, 1606.03498): reals win only 1 − this of each game."""

    noisy_labels: Annotated[float, Meta(ge=0, lt=0.5)] = 0.0
    """Share of pairs whose real and fake are exchanged for the critic; falls to 0 over the first half of the run."""

    instance_noise: Annotated[float, Meta(ge=0)] = 0.0
    """Standard deviation of noise on all that the critic sees; falls to 0 over the first half of the run."""

    past_fakes: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of the critic's fakes that past generators made (the pool's `opponents` says which)."""

    past_critics: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Weight of a past critic's verdict in the generator's loss."""

    feature_matching: Annotated[float, Meta(ge=0)] = 0.0
    """Weight in the generator's loss of the squared distance between the mean features of reals and fakes, as the
    critic's last layer sees them (Salimans 2016, section 3.1)."""

    augmentations: tuple[Augmentation, ...] = ()
    """Changes to the images that the critic sees, reals and fakes alike: translation, cutout, colour (DiffAugment, Zhao
    2020, 2006.10738); for data sets of some thousand images or fewer."""

    augmentation_probability: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """With which each of them is made, for each sample."""

    augmentation_target: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Where that probability adapts instead, from 0: it rises while the critic tells more than this of E sign(D(x) −
    D(y)), and falls below (ADA, Karras 2020, 2006.06676: 0.6); 0: it stays as it is set."""

    critic_steps: Annotated[int, Meta(ge=1, le=100)] = 1
    """Of the critic to one of the generator."""

    critic_learning_rate: Annotated[float, Meta(gt=0, le=100)] = 1.0
    """The critic's learning rate over the generator's: two time scales (Heusel 2017, 1706.08500)."""


@dataclass(frozen=True)
class InfoConfig:
    """Of model=info: the codes."""

    categories: Annotated[int, Meta(ge=2, le=1000)] = 10
    """Values of the categorical code, all equally likely."""

    continuous: Annotated[int, Meta(ge=0, le=64)] = 2
    """Continuous codes, uniform in [−1, 1]."""

    weight: Annotated[float, Meta(ge=0)] = 1.0
    """λ of the category's −log Q in the generator's loss."""

    continuous_weight: Annotated[float, Meta(ge=0)] = 0.1
    """λ of the continuous codes'."""

    noise: Annotated[float, Meta(ge=0)] = 0.0
    """Standard deviation of noise on samples when the recogniser guesses their category in training: categories must
    then make a difference that is larger than this, as classes do, and cannot hide in details."""


@dataclass(frozen=True)
class SuperresConfig:
    """Of model=superres."""

    factor: Annotated[int, Meta(ge=2, le=8)] = 2
    """By which sides shrink."""

    noise: bool = False
    """Give the generator network.latent numbers of noise beside the small image."""

    pixel: Annotated[float, Meta(ge=0)] = 1.0
    """Weight of the mean squared error of pixels."""

    perceptual: Annotated[float, Meta(ge=0)] = 0.01
    """Weight of the mean squared error of the digit classifier's features."""

    adversarial: Annotated[float, Meta(ge=0)] = 0.1
    """Weight of the critic's verdict; at 0 it still learns, but nobody listens."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """Of model=vae."""

    beta: Annotated[float, Meta(ge=0)] = 1.0
    """Weight of the divergence (Higgins 2017); at 1 the loss is minus the evidence lower bound."""

    deviation: Annotated[float, Meta(gt=0)] | None = None
    """Standard deviation of p(x | z), in the scale of the networks; none: learnt too, which a small data set learnt by
    heart makes ever smaller."""


@dataclass(frozen=True)
class GanConfig:
    """Every setting of a run."""

    model: Literal["gan", "info", "superres", "ae", "vae"] = "gan"
    """gan: generator and critic, conditional where network.conditional says so. info: with codes that can be read off
    samples. superres: enlarges images. ae, vae: autoencoders, to compare with; they take no notice of sections that are
    about a critic and past selves (objective, pool)."""

    data: DataConfig = field(default_factory=DataConfig)
    network: GanNetworkConfig = field(default_factory=GanNetworkConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    info: InfoConfig = field(default_factory=InfoConfig)
    superres: SuperresConfig = field(default_factory=SuperresConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    run: RunConfig = field(default_factory=RunConfig)


def identity(config: GanConfig) -> dict[str, Any]:
    """What decides which weights fit, as JSON values: a checkpoint's own description."""
    own = OWN.get(config.model)
    sections = ["data", "network"] + ([own] if own else [])
    told = {section: configs.to_values(getattr(config, section)) for section in sections}
    return {"family": FAMILY, "model": config.model} | told


def described(meta: Mapping[str, Any]) -> GanConfig:
    """The config that a checkpoint describes by `identity` and its objective; the other sections are the defaults.
    Raises ConfigError or KeyError where it doesn't."""
    sections = ["model", "data", "network", "objective"]
    if own := OWN.get(meta["model"]):
        sections.append(own)
    return configs.from_values(GanConfig, {section: meta[section] for section in sections})
