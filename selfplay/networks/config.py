"""Settings of the policy–value network: the sizes of its tower and heads. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the residual tower (He et al. 2016; Silver et al. 2018) and of its two heads."""

    channels: Annotated[int, Meta(ge=4, le=1024)] = 64
    """Channels of the tower."""

    blocks: Annotated[int, Meta(ge=1, le=80)] = 5
    """Residual blocks of two 3x3 convolutions each."""

    head_channels: Annotated[int, Meta(ge=1, le=256)] = 16
    """Channels of the 1x1 convolution at the foot of each head that has a dense layer."""

    value_hidden: Annotated[int, Meta(ge=4, le=2048)] = 64
    """Units of the value head's hidden layer."""
