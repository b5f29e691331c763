"""Inception features, for Fréchet distances comparable with published ones: torch-fidelity's network and weights.

Both are the user's to install; nothing is downloaded. Knows images, not what made them.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfplay.errors import ConfigError

LAYER = "2048"  # torch-fidelity's name of the features that FID is measured in
BATCH = 64  # images at a time: each is enlarged to 299 × 299


def load(weights: Path) -> Any:
    """Torch-fidelity's extractor. Raises ConfigError if the library or the file of weights is missing or damaged.

    The library unpickles its file without restriction, so torch reads it first with only tensors allowed.
    """
    try:
        from torch_fidelity import feature_extractor_inceptionv3
    except ImportError:
        raise ConfigError(
            "data.inception needs torch-fidelity, which is missing: pip install 'selfplay[fidelity]', or leave it out."
        ) from None
    if not weights.is_file():
        raise ConfigError(
            f"data.inception={weights} is not a file: it is where you have torch-fidelity's Inception weights "
            "(weights-inception-2015-12-05-6726825d.pth), which are never downloaded from here."
        )
    try:
        torch.load(weights, weights_only=True)
        return feature_extractor_inceptionv3.FeatureExtractorInceptionV3("inception", [LAYER], str(weights))
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise ConfigError(
            f"data.inception={weights} does not hold torch-fidelity's Inception weights ({type(error).__name__})."
        ) from None


@torch.no_grad()
def features(extractor: Any, x: np.ndarray) -> np.ndarray:
    """[N, 2048] float32 of images x [N, P, R, C] in [−1, 1], P 1 or 3; one plane is shown as grey."""
    pixels = np.clip(np.rint((x + 1) * 127.5), 0, 255).astype(np.uint8)
    parts = torch.from_numpy(pixels).expand(-1, 3, -1, -1).split(BATCH)
    return torch.cat([extractor(part)[0] for part in parts]).numpy()
