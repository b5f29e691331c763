#!/usr/bin/env python
"""Trains selfplay/gan/metrics/digit_classifier.safetensors: python scripts/train_digit_classifier.py (half a minute).

It learns from the training part of the digits for a fixed number of epochs, on one thread; the held-out part is looked
at once, at the end. The same seed gives the same file on the same machine and the same torch.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not

from selfplay.datasets import image_sets  # noqa: E402
from selfplay.errors import UserError  # noqa: E402
from selfplay.gan.metrics import classifier  # noqa: E402

BATCH = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
NOISE = 0.1  # standard deviation, of pixels in [−1, 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=150, help="passes over the training digits (default 150)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation (default 0)")
    parser.add_argument("--output", type=Path, default=classifier.FILE, help="file to write (default: packaged)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        train, held_out = image_sets.digits(), image_sets.digits(held_out=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    network = fit(train, arguments.epochs, arguments.seed)
    meta = {
        "what": "digit classifier, 8x8",
        "command": f"scripts/train_digit_classifier.py --epochs {arguments.epochs} --seed {arguments.seed}",
        "torch": torch.__version__,
        "train_sha256": train.digest,
        "held_out_sha256": held_out.digest,
        "held_out_images": len(held_out.pixels),
        "train_error": error_of(network, train),
        "held_out_error": error_of(network, held_out),
    }
    classifier.save(arguments.output, network, meta)
    print(json.dumps(meta, indent=1))
    return 0


def fit(train: image_sets.Images, epochs: int, seed: int) -> classifier.DigitNetwork:
    """The average of the weights over the last fifth of the epochs."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = classifier.DigitNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * (len(train.pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / steps))
    average = torch.optim.swa_utils.AveragedModel(network)
    for epoch in range(epochs):
        order = rng.permutation(len(train.pixels))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            x, labels = train.take(order[start : start + BATCH])
            assert labels is not None
            logits, _ = network(augment(torch.from_numpy(x), rng))
            loss = F.cross_entropy(logits, torch.from_numpy(labels), label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch >= epochs * 4 // 5:
            average.update_parameters(network)
    assert isinstance(average.module, classifier.DigitNetwork)
    return average.module


def augment(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Digits [B, 1, 8, 8] turned by up to 0.2 rad, scaled by up to 10 %, shifted by up to 0.8 pixels, with noise."""
    number = len(x)
    angle, scale = rng.uniform(-0.2, 0.2, number), rng.uniform(0.9, 1.1, (2, number))
    shift = rng.uniform(-0.2, 0.2, (2, number))  # in halves of the image's 8 pixels
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[cos * scale[0], -sin * scale[0], shift[0]], [sin * scale[1], cos * scale[1], shift[1]]]
    theta = torch.from_numpy(np.array(rows).transpose(2, 0, 1).astype(np.float32))
    places = F.affine_grid(theta, [number, 1, 8, 8], align_corners=False)
    moved = F.grid_sample(x + 1, places, align_corners=False) - 1  # outside is paper
    return moved + NOISE * torch.from_numpy(rng.standard_normal(x.shape).astype(np.float32))


def error_of(network: classifier.DigitNetwork, images: image_sets.Images) -> float:
    """The share of the images read wrong."""
    x, labels = images.everything()
    with torch.no_grad():
        logits, _ = network.eval()(torch.from_numpy(x))
    return float(np.mean(logits.argmax(dim=1).numpy() != labels))


if __name__ == "__main__":
    sys.exit(main())
