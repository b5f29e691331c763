"""The packaged classifier of 8×8 digits: it measures whether generated digits are of the requested class, and its
features are the space in which their quality is measured.

It is trained in advance (scripts/train_digit_classifier.py, on the training part of `image_sets.digits` only), so that
metrics of different runs are comparable if `DigitClassifier.digest` is the same. It classifies anything as a digit,
even noise, so that a share of samples classified as requested is never meaningful alone. Knows images, not models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import CheckpointError
from selfplay.storage import artifact

FILE = Path(__file__).parent / "digit_classifier.safetensors"
META = "made"  # one entry, as JSON: safetensors writes several in an order that changes from run to run
CLASSES = 10
FEATURES = 32  # few, so that a few hundred held-out digits pin down a covariance
LEAK = 0.1  # slope below 0, so that no unit dies: with plain rectifiers 12 of the 32 features were always 0
BATCH = 1024  # images at a time, so that ten thousands of them do not fill the memory


class DigitNetwork(nn.Module):
    """Three convolutions and two linear layers, 18,506 weights; no normalisation across images."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 32, 3, padding=1)
        self.hidden = nn.Linear(32 * 2 * 2, FEATURES)
        self.last = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(logits [B, 10], features [B, 32]) of digits [B, 1, 8, 8] in [−1, 1]; differentiable.

        Features are those of the last layer but one, before its rectifier, which would cut what should look Gaussian.
        """
        x = F.leaky_relu(self.first(x), LEAK)
        x = F.max_pool2d(F.leaky_relu(self.second(x), LEAK), 2)
        x = F.max_pool2d(F.leaky_relu(self.third(x), LEAK), 2)
        features = self.hidden(x.flatten(1))
        return self.last(F.leaky_relu(features, LEAK)), features


class DigitClassifier(NamedTuple):
    """The trained network, with arrays in and out. Digits are [N, P, 8, 8] in [−1, 1], each plane a digit."""

    network: DigitNetwork
    digest: str  # SHA-256 of the weights; to be reported with each metric that depends on them
    error: float  # share of the held-out digits that it misclassifies
    meta: Mapping[str, Any]  # how it was trained

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """[N, P, 10] float32: of each plane; sums to 1."""
        logits, _ = self._run(x)
        return torch.softmax(logits, dim=1).numpy().reshape(*x.shape[:2], CLASSES)

    def labels(self, x: np.ndarray) -> np.ndarray:
        """[N] int64, 0 to 10^P − 1: the planes' digits as a number, the first plane first, as in
        `image_sets.StackedDigits`."""
        logits, _ = self._run(x)
        digits = logits.argmax(dim=1).numpy().reshape(x.shape[:2])
        return digits @ (CLASSES ** np.arange(x.shape[1])[::-1])

    def features(self, x: np.ndarray) -> np.ndarray:
        """[N, 32·P] float32: the features of the planes, concatenated."""
        _, features = self._run(x)
        return features.numpy().reshape(len(x), -1)

    @torch.no_grad()
    def _run(self, x: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        assert x.ndim == 4 and x.shape[2:] == (8, 8), x.shape
        planes = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).reshape(-1, 1, 8, 8)
        logits, features = zip(*(self.network(part) for part in planes.split(BATCH)), strict=True)
        return torch.cat(logits), torch.cat(features)


def load(path: Path = FILE) -> DigitClassifier:
    """Reads a classifier from a file, by default the packaged one. Raises CheckpointError if missing or damaged."""
    try:
        data = path.read_bytes()
        with safetensors.safe_open(path, "pt") as file:
            meta = json.loads(file.metadata()[META])
        tensors = artifact.unpack_tensors(data, str(path))
        found, written, error = digest(tensors), meta["sha256"], float(meta["held_out_error"])
        network = DigitNetwork()
        network.load_state_dict(tensors)
    except OSError as failure:
        raise CheckpointError(f"{path} cannot be read ({failure.strerror or failure}).") from None
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as failure:
        raise CheckpointError(f"{path} is not a digit classifier, or is damaged ({type(failure).__name__}).") from None
    if found != written:
        raise CheckpointError(f"{path} is damaged: the SHA-256 of its weights is not the one written.")
    return DigitClassifier(network.eval().requires_grad_(False), found, error, meta)


def save(path: Path, network: DigitNetwork, meta: Mapping[str, Any]) -> None:
    """Writes weights and metadata, including `held_out_error`, to one file. Raises OSError."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    data = safetensors.torch.save(tensors, {META: json.dumps({**meta, "sha256": digest(tensors)}, indent=1)})
    artifact.replace_file(path, data)


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names, shapes and float32 values, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(json.dumps([name, list(tensors[name].shape)]).encode())
        total.update(tensors[name].detach().numpy().astype("<f4").tobytes())
    return total.hexdigest()
