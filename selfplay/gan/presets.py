"""Presets of the GAN family: complete settings by name, chosen to train in minutes on two cores."""

from __future__ import annotations

from dataclasses import replace

from selfplay.datasets.config import StreamConfig
from selfplay.drift.config import DriftConfig
from selfplay.gan.config import (
    AutoencoderConfig,
    DataConfig,
    GanConfig,
    GanNetworkConfig,
    InfoConfig,
    ObjectiveConfig,
    SuperresConfig,
)
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop.config import RunConfig

# Each real is used about once: data are cheap, and fakes are made by the current generator for each batch.
REPLAY = ReplayConfig(samples_per_insert=1.0, window_min=51_200, window_fraction=1e-6, learn_after=256)
# Adam without momentum, which makes adversarial training more stable; gradients are not clipped in a healthy run.
LEARNER = LearnerConfig(
    batch_size=256, weight_decay=0.0, beta1=0.0, beta2=0.9, final_beta2=0.99, max_gradient_norm=1e3
)  # fmt: skip
POINTS = replace(LEARNER, schedule="geometric")
IMAGES = replace(LEARNER, learning_rate=2e-3, final_learning_rate=5e-5, ema_decay=0.999)

RING = GanConfig(
    data=DataConfig(name="ring"),
    network=GanNetworkConfig(latent=2),
    objective=ObjectiveConfig(r1=0.1, r2=0.1, final_penalty=0.001),
    replay=REPLAY,
    learner=replace(POINTS, learning_rate=5e-3, final_learning_rate=2e-5, ema_decay=0.9995),
    run=RunConfig(generations=24, generation_rows=256_000, rollout_rows=25_600, evaluate_every=1),
)  # fmt: skip
"""Eight Gaussians on a circle."""

GRID = GanConfig(
    data=DataConfig(name="grid"),
    network=GanNetworkConfig(latent=2),
    objective=ObjectiveConfig(r1=0.1, r2=0.1, final_penalty=0.0003),
    replay=REPLAY,
    learner=replace(POINTS, learning_rate=3e-3, final_learning_rate=2e-5, ema_decay=0.99),
    run=RunConfig(generations=32, generation_rows=512_000, rollout_rows=25_600, evaluate_every=1),
)  # fmt: skip
"""Twenty-five Gaussians on a grid."""

DIGITS = GanConfig(
    data=DataConfig(name="digits"),
    network=GanNetworkConfig(kind="dcgan", width=16, latent=16, conditional=True),
    objective=ObjectiveConfig(r1=0.1, r2=0.1, final_penalty=0.1),
    replay=replace(REPLAY, learn_after=64),
    learner=replace(IMAGES, batch_size=64),
    run=RunConfig(generations=10, generation_rows=12_800, rollout_rows=3_200, evaluate_every=1),
)  # fmt: skip
"""Handwritten digits, conditional on the class."""

STACKED = GanConfig(
    data=DataConfig(name="stacked-digits"),
    network=GanNetworkConfig(kind="mlp", width=256, latent=64),
    objective=ObjectiveConfig(r1=0.1, r2=0.1, final_penalty=0.1),
    replay=replace(REPLAY, learn_after=128),
    learner=replace(IMAGES, batch_size=128),
    run=RunConfig(generations=15, generation_rows=51_200, rollout_rows=6_400, evaluate_every=3),
)  # fmt: skip
"""Three digits as the planes of one image: 1,000 modes."""

INFO = GanConfig(
    model="info",
    data=DataConfig(name="digits"),
    network=GanNetworkConfig(kind="mlp", width=128, latent=16),
    info=InfoConfig(categories=10, continuous=2, weight=0.5, continuous_weight=0.05, noise=0.6),
    objective=ObjectiveConfig(r1=0.1, r2=0.1, final_penalty=0.1),
    replay=REPLAY,
    learner=replace(IMAGES, batch_size=128),
    run=RunConfig(generations=10, generation_rows=32_000, rollout_rows=6_400, evaluate_every=2),
)  # fmt: skip
"""Handwritten digits, sorted into ten categories without labels (InfoGAN)."""

SUPERRES = GanConfig(
    model="superres",
    data=DataConfig(name="digits"),
    network=GanNetworkConfig(kind="mlp", width=16, depth=1, critic_width=128),
    superres=SuperresConfig(factor=2),
    objective=ObjectiveConfig(r1=0.1, r2=0.1, final_penalty=0.1),
    replay=REPLAY,
    learner=replace(IMAGES, batch_size=64),
    run=RunConfig(generations=10, generation_rows=9_600, rollout_rows=3_200, evaluate_every=2),
)  # fmt: skip
"""Handwritten digits of 4 × 4 pixels, enlarged to 8 × 8."""

VAE = GanConfig(
    model="vae",
    data=DataConfig(name="digits"),
    network=GanNetworkConfig(kind="mlp", width=256, depth=2, latent=16),
    autoencoder=AutoencoderConfig(deviation=0.3),
    replay=REPLAY,
    learner=LearnerConfig(
        batch_size=128, learning_rate=2e-3, final_learning_rate=2e-5, weight_decay=1e-4, ema_decay=0.999,
    ),
    run=RunConfig(generations=10, generation_rows=32_000, rollout_rows=6_400, evaluate_every=2),
)  # fmt: skip
"""Handwritten digits by a variational autoencoder, or a plain one with model=ae, to compare with gan-digits."""

POSITIONS = GanConfig(
    data=DataConfig(name="positions", path="runs/connect-four"),
    network=GanNetworkConfig(kind="mlp", width=256, latent=32, rounded=True),
    objective=ObjectiveConfig(r1=3.0, r2=3.0, final_penalty=0.1),
    replay=replace(REPLAY, learn_after=128),
    learner=replace(IMAGES, batch_size=128),
    run=RunConfig(generations=15, generation_rows=64_000, rollout_rows=6_400, evaluate_every=1),
)  # fmt: skip
"""Connect-four positions from a self-play run, to be trained first: `selfplay train connect-four`."""

# On a stream schedules end with the first training, and what is done about alarms begins them anew.
REACTING = DriftConfig(
    actions=("restore-snapshot", "evict-rows", "raise-learning-rate"), lasting=10, rate_factor=0.4
)  # fmt: skip
# Few rows a generation, as data are tested, judged and reacted to once in each.
STREAM_RING = replace(
    RING,
    data=DataConfig(name="stream:ring", sigma=0.05),
    stream=StreamConfig(kind="recurrent", concepts=("same", "turn:22.5"), at=40, period=16),
    replay=replace(REPLAY, window_min=25_600),
    learner=replace(POINTS, learning_rate=5e-3, final_learning_rate=2e-5, ema_decay=0.99),
    drift=REACTING,
    run=RunConfig(
        generations=88, schedule_generations=40, generation_rows=12_800, rollout_rows=2_560, evaluate_every=4
    ),
)  # fmt: skip
"""Eight Gaussians on a circle that turns by half the distance between them and, later, back."""

STREAM_DIGITS = replace(
    DIGITS,
    data=DataConfig(name="stream:digits"),
    stream=StreamConfig(
        kind="recurrent", concepts=("prior:0+1+2+3+4:0.9", "prior:5+6+7+8+9:0.9"), at=40, period=16
    ),
    network=GanNetworkConfig(kind="dcgan", width=16, latent=16),
    replay=replace(REPLAY, window_min=3_200, learn_after=64),
    learner=replace(IMAGES, batch_size=64, ema_decay=0.99),
    drift=REACTING,
    run=RunConfig(
        generations=88, schedule_generations=40, generation_rows=3_200, rollout_rows=640, evaluate_every=8
    ),
)  # fmt: skip
"""Handwritten digits without classes, of which one half and then the other is frequent."""

PRESETS = {
    "gan-ring": RING, "gan-grid": GRID, "gan-digits": DIGITS, "gan-stacked-digits": STACKED, "gan-info": INFO,
    "gan-superres": SUPERRES, "gan-connect-four": POSITIONS, "vae-digits": VAE,
    "gan-stream-ring": STREAM_RING, "gan-stream-digits": STREAM_DIGITS,
}  # fmt: skip
