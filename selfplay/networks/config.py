"""Settings of the policy–value network, and of where self-play evaluates it. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

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

    moves_left: bool = False
    """An auxiliary head beside the value, for learning only: plies that the game went on for. It gives the layers that
    both share one more number a position to learn from (as KataGo's auxiliary heads do; Wu 2019)."""


@dataclass(frozen=True)
class InferenceConfig:
    """Where self-play evaluates its networks, and with what."""

    mode: Literal["local", "shared"] = "local"
    """local: in each actor's process; shared: in server processes of its node, which gather positions of many actors.
    With actors in this process (run.actors=0) always local. shared needs Linux."""

    backend: Literal["torch", "openvino"] = "torch"
    """What computes on CPUs. openvino: a package of its own (`pip install 'selfplay[openvino]'`), faster than torch;
    GPUs go on with torch."""

    precision: Literal["native", "int8"] = "native"
    """native: bfloat16 where the processor computes in it, else float32. int8: with backend=openvino and mode=local;
    made anew for each generation from positions of games in progress, and used where values and policies on others of
    them, and moves in positions with exact values, are as good as the network's own; a generation for which they are
    not goes without."""

    device: Literal["auto", "cpu"] = "auto"
    """Of the servers. auto: a node's GPUs, where torch can use them, else its cores."""

    servers: Annotated[int, Meta(ge=1, le=256)] | None = None
    """Inference servers on each node; None: one a GPU, or one a core where there is none."""

    max_batch: Annotated[int, Meta(ge=1, le=65536)] | None = None
    """Positions in one batch of a server, at most; None: 256 on a CPU, 4096 on a GPU."""

    wait_ms: Annotated[float, Meta(ge=0, le=1000)] = 1.0
    """Milliseconds that a server with nothing else to do waits for more positions, where a batch is small."""

    groups: Annotated[int, Meta(ge=1, le=8)] = 1
    """Parts that an actor's games are divided into: one is searched while the positions of others are evaluated. Also
    with mode=local, where it gains nothing but plays the same games as shared does with as many."""


IN_PROCESS = InferenceConfig()  # the default: torch, in the process that asks
